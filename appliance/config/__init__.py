"""The two files of configuration, and nothing else reads them: box.toml says what this hardware is,
desk.toml how this desk behaves."""

from appliance.config import given as given
from appliance.config.box import Box as Box
from appliance.config.box import Engine as Engine
from appliance.config.box import Engines as Engines
from appliance.config.box import Kiosk as Kiosk
from appliance.config.box import Web as Web
from appliance.config.desk import DeskFile as DeskFile
from appliance.config.desk import WordingRules as WordingRules
from appliance.config.fact import Fact as Fact
from appliance.config.fact import Mode as Mode
from appliance.config.fact import Wording as Wording
from appliance.config.flow import Ask as Ask
from appliance.config.flow import Closed as Closed
from appliance.config.flow import Do as Do
from appliance.config.flow import Flow as Flow
from appliance.config.lines import Lines as Lines
from appliance.config.manner import VoiceManner as VoiceManner
from appliance.config.reading import SHIPPED as SHIPPED
from appliance.config.reading import beside as beside
from appliance.config.reading import desk_path as desk_path
from appliance.config.reading import digest as digest
from appliance.config.reading import read_box as read_box
from appliance.config.reading import read_desk as read_desk
