"""What hangs on the box's pins: a button, a hook, a light, doors. One small file each."""

from appliance.gpio.button import Button
from appliance.gpio.door import Door
from appliance.gpio.hook import Hook
from appliance.gpio.light import Light, State
from appliance.gpio.pins import Gpio, reached

__all__ = ["Button", "Door", "Gpio", "Hook", "Light", "State", "reached"]
