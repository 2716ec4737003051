"""The voice of the desk: what is written is read aloud, and the sound of fixed lines is kept."""

from appliance.speech.delivery import Delivery
from appliance.speech.speech import Speech
from appliance.speech.store import SoundStore

__all__ = ["Delivery", "SoundStore", "Speech"]
