from __future__ import annotations

from pathlib import Path

import pytest

from appliance.engines.minilm import MiniLM
from appliance.understanding import Understanding

MODEL = Path(__file__).resolve().parents[2] / "models" / "minilm-l6-v2"

CLINIC = {
    "book": [
        "(book|make|get) [an] appointment [for {day}]",
        "I need to see (someone|a doctor)",
        "can I come in this week?",
        "I'd like an appointment with the doctor",
    ],
    "cancel": [
        "cancel [my] appointment",
        "I can't make it on {day}",
        "I have to call off my visit",
        "please take my name off the list",
    ],
    "hours": [
        "when (do|are) you open?",
        "what are your opening hours?",
        "are you open at weekends?",
        "until what time can I come?",
    ],
    "parking": [
        "where can I park?",
        "is there a car park?",
        "where do I leave my car?",
        "is parking free?",
    ],
    "results": [
        "are my test results there?",
        "I am calling about my blood test",
        "has the lab sent my results?",
        "what came out of the x-ray?",
    ],
}


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    if not MODEL.is_dir():
        pytest.skip("the model minilm-l6-v2 is not here: `appliance models fetch minilm-l6-v2`")
    return MiniLM(MODEL)


@pytest.fixture(scope="session")
def clinic(minilm: MiniLM) -> Understanding:
    return Understanding(CLINIC, minilm)
