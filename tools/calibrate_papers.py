"""Where the numbers of appliance/documents/judging.py come from: a logistic regression over what the judge
measures of each sentence that a search finds, on the folders and questions of tests/documents. Prints
weights, bias, and what each bound of certainty would say. From the root of the tree:
python tools/calibrate_papers.py [FOLDER ...]"""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from appliance.documents import Documents  # noqa: E402
from appliance.documents.asking import content  # noqa: E402
from appliance.documents.judging import BIAS, SURE, WEIGHTS  # noqa: E402
from appliance.engines.minilm import MiniLM  # noqa: E402
from appliance.models import directory  # noqa: E402
from tests.documents.pdf import POOL, pdf  # noqa: E402

HERE = ROOT / "tests" / "documents"


def candidates(name: str, embed: MiniLM) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, bool]]:
    """Of each question: what is measured of the sentences found (sentences, measures), which of them may be
    said at all, which are right, and whether anything answers it."""
    with tempfile.TemporaryDirectory() as place:
        papers = Path(place) / "papers"
        shutil.copytree(HERE / name, papers)
        if name == "corpus":
            (papers / "pool.pdf").write_bytes(pdf(POOL))
        documents = Documents(papers, Path(place) / "papers.db", embed)
        documents.load()
        parts = tomllib.loads((HERE / f"{name}.toml").read_text("utf-8")).values()
        asked = [(question, holds) for part in parts for question, holds in part["answered"]]
        asked += [(question, "") for part in parts for question in part["unanswered"]]
        found = []
        for question, holds in asked:
            rows = [row for row, _ in documents._ranked(question)]
            words = content(question)
            if not rows or not words:
                continue
            vector = embed.embed([question])[0]
            measured, possible = documents._judge.measures(question, words, vector, rows)
            right = np.array([bool(holds) and holds in row.text for row in rows])
            found.append((measured, possible, right, bool(holds)))
        return found


def main() -> None:
    names = sys.argv[1:] or ["corpus", "second"]
    embed = MiniLM(directory("minilm-l6-v2"))
    found = {name: candidates(name, embed) for name in (*names, "unseen")}
    learned = [each for name in names for each in found[name]]
    rows = np.concatenate([measured[possible] for measured, possible, _, _ in learned])
    right = np.concatenate([right[possible] for _, possible, right, _ in learned])
    model = LogisticRegression(C=100).fit(rows, right)
    print("learned from", ", ".join(names), f"({len(rows)} sentences, {right.sum()} of them right)")
    print(
        "weights",
        [round(float(each), 1) for each in model.coef_[0]],
        "bias",
        round(float(model.intercept_[0]), 1),
    )
    print("in judging.py", list(WEIGHTS), "bias", BIAS, "bound", SURE)
    for name, questions in found.items():
        for bound in (0.5, 0.6, 0.7, 0.8):
            print(name, bound, "as in the file:", _said(questions, np.array(WEIGHTS), BIAS, bound), end="; ")
            print("as learned:", _said(questions, model.coef_[0], float(model.intercept_[0]), bound))


def _said(questions: list, weights: np.ndarray, bias: float, bound: float) -> str:
    said = right = 0
    for measured, possible, true, _ in questions:
        chances = np.where(possible, 1 / (1 + np.exp(-(measured @ weights + bias))), 0.0)
        if chances.max(initial=0.0) >= bound:
            said += 1
            right += bool(true[chances.argmax()])
    wanted = sum(answered for *_, answered in questions)
    return f"precision {right / max(1, said):.3f}, recall {right / max(1, wanted):.3f}"


if __name__ == "__main__":
    main()
