"""The report as one page: figures against their marks, how long callers waited, what a policy trades, and
every call as a timeline. Nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

COLOURS = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #66707f; --line: #d5dae1; --paper: #fff;
  --caller: #2f6fb4; --desk: #c0702a; --bad: #b3261e; --good: #2b7a43; --third: #7a54a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --dim: #98a2b0; --line: #39424e;
  --paper: #14181d; --caller: #78b0ea; --desk: #eaa567; --bad: #ff8a80; --good: #7fd19b; --third: #c0a0ec; } }
svg text { fill: var(--dim); font: 11px system-ui, sans-serif; }
.axis { stroke: var(--line); } .caller { fill: var(--caller); } .desk { fill: var(--desk); }
.third { fill: var(--third); } .bad { fill: var(--bad); } svg .told { fill: var(--ink); }
svg .wrong { fill: var(--bad); font-weight: 600; } .mark { stroke: var(--bad); stroke-dasharray: 4 3; }
"""

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .2rem .6rem .2rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; }
td.n { text-align: right; white-space: nowrap; }
.met { color: var(--good); } .missed { color: var(--bad); font-weight: 600; } .dim { color: var(--dim); }
svg { width: 100%; height: auto; display: block; } .call { margin: .5rem 0; }
summary { cursor: pointer; margin: .6rem 0; } .dot { display: inline; width: 12px; }
"""

WIDTH, HEIGHT, LEFT, BASE = 760, 240, 46, 206
"""Of a plot, in SVG units; its axes stand at LEFT and BASE."""

WAIT = "end of speech to first sound"
"""How the figures of waits begin."""

SERIES = {"the desk": "caller", "fixed quiet": "desk", "manners": "third"}

SHOWN = 40
"""Calls of a part that are drawn; those in which something went wrong come first."""


LEGEND = (
    "<h2>The calls</h2><p class=dim>Above each caller's turn: how long until the desk was heard, how soon it "
    "fell silent, or for how long it was held. Red is what went wrong, and comes first.</p>"
)


def render(report: dict[str, Any]) -> str:
    """A report as the bench's JSON has it, as an HTML page."""
    parts = {part["name"]: part for part in report["parts"]}
    body = [
        "<h1>How the desk takes its turns</h1>",
        f"<p class=dim>{escape(report['when'])}, {escape(report['machine']['processor'])}, "
        f"{report['machine']['cores']} cores, the {escape(report['half'])} half of the recordings, "
        f"{report['took_s']} s. Measured from the two-channel recordings of the calls.</p>",
        _table(report["figures"]),
        _latencies(parts, report["figures"]),
        *(_curve(part["curve"]) for part in report["parts"] if part["curve"]),
        LEGEND,
        *(_calls(part) for part in report["parts"] if part["calls"]),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>How the desk takes its turns</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{COLOURS}{STYLE}</style>\n" + "\n".join(body) + "</html>\n"
    )


def _table(figures: Iterable[dict[str, Any]]) -> str:
    head = "<table><tr><th>part<th>what<th>value<th>mark<th>over<th></tr>"
    return head + "".join(map(_row, figures)) + "</table>"


def _row(figure: dict[str, Any]) -> str:
    verdict = {True: "met", False: "missed", None: ""}[figure["met"]]
    mark = "" if figure["mark"] is None else f"≤ {figure['mark']:g}"
    return (
        f"<tr><td>{escape(figure['part'])}<td>{escape(figure['what'])}<td class=n>{_value(figure)}"
        f"<td class=n>{mark}<td class=n>{figure['count'] or ''}"
        f"<td><span class={verdict or 'dim'}>{verdict}</span> "
        f"<span class=dim>{escape(figure['note'])}</span></tr>"
    )


def _value(figure: dict[str, Any]) -> str:
    value = figure["value"]
    if value is None:
        return "not measured"
    return value if isinstance(value, str) else f"{value:.4g} {escape(figure['unit'])}"


def plots(report: dict[str, Any]) -> dict[str, str]:
    """The page's plots as SVG files, by name."""
    parts = {part["name"]: part for part in report["parts"]}
    drawn = {
        f"turns-{name}.svg": _histogram(name, waits, _marks(report["figures"], name))
        for name, waits in _waits(parts).items()
    }
    if curve := parts.get("curve", {}).get("curve"):
        drawn["turns-curve.svg"] = _plot(curve)
    head = '<svg xmlns="http://www.w3.org/2000/svg"'
    style = f"><style>{COLOURS}</style>"
    return {
        name: svg.replace("<svg", head, 1).replace(">", style, 1) + "\n" for name, svg in drawn.items() if svg
    }


def _waits(parts: dict[str, dict[str, Any]]) -> dict[str, list[float | str]]:
    waits = {
        name: [said["latency"] for call in parts[name]["calls"] for said in call["said"] if "latency" in said]
        for name in ("fixed", "plain", "worded")
        if name in parts
    }
    return {name: values for name, values in waits.items() if values}


def _marks(figures: Iterable[dict[str, Any]], part: str) -> list[tuple[str, float]]:
    """What the waits of a part are to be at most: median or p95, ms."""
    waits = (each for each in figures if each["part"] == part and each["what"].startswith(WAIT))
    return [(each["what"].rsplit(" ", 1)[-1], each["mark"]) for each in waits if each["mark"] is not None]


def _latencies(parts: dict[str, dict[str, Any]], figures: Sequence[dict[str, Any]]) -> str:
    """Share of answers by how long callers waited: each way of answering over the other."""
    rows = []
    for name, waits in _waits(parts).items():
        never = sum(isinstance(wait, str) for wait in waits)
        told = f"{len(waits)} answers{f', {never} never came' if never else ''}"
        drawn = _histogram(name, waits, _marks(figures, name))
        rows.append(f"<h3>{escape(name)}: {told}</h3>{drawn}")
    return "<h2>From the end of speech to the first sound</h2>" + "".join(rows) if rows else ""


def _histogram(name: str, waits: Sequence[float | str], marks: Sequence[tuple[str, float]] = ()) -> str:
    heard = [wait for wait in waits if not isinstance(wait, str)]
    bins = [0] * 31
    for wait in heard:
        bins[min(30, max(0, int(wait * 10)))] += 1
    highest, step = max(bins) or 1, (WIDTH - LEFT) / 31
    bars = "".join(
        f'<rect class="caller" x="{LEFT + number * step:.1f}" width="{step - 1:.1f}" '
        f'y="{110 - 80 * count / highest:.1f}" height="{80 * count / highest:.1f}">'
        f"<title>{count} at {number * 100} ms and more</title></rect>"
        f'<text x="{LEFT + (number + 0.5) * step:.1f}" y="{106 - 80 * count / highest:.1f}" '
        f'text-anchor="middle">{count}</text>'
        for number, count in enumerate(bins)
        if count
    )
    ticks = "".join(
        f'<text x="{LEFT + number * step:.1f}" y="124" text-anchor="{"end" if number == 30 else "middle"}">'
        f"{number * 100} ms{' +' if number == 30 else ''}</text>"
        for number in range(0, 31, 5)
    )
    lines = "".join(
        f'<line class="mark" x1="{LEFT + at / 100 * step:.1f}" x2="{LEFT + at / 100 * step:.1f}" y1="14" '
        f'y2="110"/><text x="{LEFT + at / 100 * step:.1f}" y="10" text-anchor="middle">'
        f"{escape(what)} ≤ {at:g}</text>"
        for what, at in marks
        if at <= 3000
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} 130" role="img" aria-label="waits of {escape(name)}">'
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH}" y1="110.5" y2="110.5"/>{bars}{ticks}{lines}'
        '<text x="0" y="106">answers</text></svg>'
    )


def _curve(points: list[dict[str, Any]]) -> str:
    legend = " ".join(
        f'<svg class=dot viewBox="0 0 12 12"><circle class="{colour}" cx="6" cy="6" r="5"/></svg> '
        f"{escape(series)}"
        for series, colour in SERIES.items()
    )
    return (
        f"<h2>Callers cut off against the wait for the end of a turn</h2>{_plot(points)}"
        f"<p class=dim>{legend}. Two in three of the turns have a pause put into them. "
        "The wait is the policy's own: engines and the voice come on top of it.</p>"
    )


def _plot(points: list[dict[str, Any]]) -> str:
    """Cut-offs against the median wait: down and left is better."""
    shown = [point for point in points if isinstance(point["median"], float | int)]
    if not shown:
        return ""
    widest = max(point["median"] for point in shown) or 1
    highest = max(point["cut_off"] for point in shown) or 1

    def place(point: dict[str, Any]) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - 60) * max(0.0, point["median"]) / widest
        return x, BASE - (BASE - 16) * point["cut_off"] / highest

    drawn = []
    for series, colour in SERIES.items():
        for point in (each for each in shown if each["series"] == series):
            x, y = place(point)
            told = f"{series}, {point['name']}: {point['cut_off']:.1f} % cut off, {point['median']:.0f} ms"
            drawn.append(
                f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="{6 if series == "manners" else 3}">'
                f"<title>{escape(told)}</title></circle>"
            )
            if series == "manners":
                drawn.append(
                    f'<text class="told" x="{x - 9:.1f}" y="{y + 14:.1f}" text-anchor="end">'
                    f"{escape(point['name'])}</text>"
                )
    mark = BASE - (BASE - 16) * min(5.0, highest) / highest
    axes = (
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH}" y1="{BASE}" y2="{BASE}"/>'
        f'<line class="axis" x1="{LEFT}" x2="{LEFT}" y1="10" y2="{BASE}"/>'
        f'<line class="mark" x1="{LEFT}" x2="{WIDTH}" y1="{mark:.1f}" y2="{mark:.1f}"/>'
        f'<text x="{WIDTH}" y="{mark - 4:.1f}" text-anchor="end">mark: 5 % cut off</text>'
        + "".join(
            f'<text x="{LEFT - 6}" y="{BASE - (BASE - 16) * at / highest + 4:.1f}" text-anchor="end">'
            f"{at} %</text>"
            for at in range(0, int(highest) + 1, 10)
        )
        + f'<text x="{WIDTH}" y="{HEIGHT - 4}" text-anchor="end">median wait</text>'
        + "".join(
            f'<text x="{LEFT + (WIDTH - LEFT - 60) * at / widest:.0f}" y="{BASE + 16}">{at} ms</text>'
            for at in range(0, int(widest) + 1, 500)
        )
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="cut-offs against waits">{axes}'
        + "".join(drawn)
        + "</svg>"
    )


def _calls(part: dict[str, Any]) -> str:
    calls = sorted(part["calls"], key=_rank)
    rows = "".join(_timeline(call) for call in calls[:SHOWN])
    left = f", of which {SHOWN} are drawn" if len(calls) > SHOWN else ""
    return (
        f"<details open><summary><b>{escape(part['name'])}</b>: {len(calls)} calls, "
        f"{escape(part['pace'])}{left}</summary>{rows}</details>"
    )


def _rank(call: dict[str, Any]) -> int:
    return 0 if any(map(_went_wrong, call["said"])) else 1 if call["outcome"] else 2


def _went_wrong(said: dict[str, Any]) -> bool:
    return bool(
        said.get("cut_off") or said.get("taken") or "never" in (said.get("latency"), said.get("stop"))
    )


def _timeline(call: dict[str, Any]) -> str:
    scale = (WIDTH - LEFT) / max(call["length"], 1)

    def box(kind: str, start: float, end: float, y: int, told: str) -> str:
        return (
            f'<rect class="{kind}" x="{LEFT + start * scale:.1f}" y="{y}" height="14" '
            f'width="{max(1.0, (end - start) * scale):.1f}"><title>{escape(told)}</title></rect>'
        )

    said = "".join(
        box("bad" if _went_wrong(each) else "caller", each["start"], each["end"], 18, _told(each))
        + f'<text class="{"wrong" if _went_wrong(each) else "told"}" x="{LEFT + each["start"] * scale:.1f}" '
        f'y="13">{escape(_outcome(each))}</text>'
        for each in call["said"]
    )
    desk = "".join(box("desk", start, end, 36, f"{start:.2f} to {end:.2f} s") for start, end in call["desk"])
    seconds = "".join(
        f'<line class="axis" x1="{LEFT + at * scale:.1f}" x2="{LEFT + at * scale:.1f}" y1="16" y2="52"/>'
        f'<text x="{LEFT + at * scale:.1f}" y="64">{at} s</text>'
        for at in range(0, int(call["length"]) + 1, 5)
    )
    return (
        f"<div class=call><span class=dim>{escape(_title(call))}</span>"
        f'<svg viewBox="0 0 {WIDTH} 68" role="img" aria-label="{escape(call["name"])}">{seconds}'
        f'<text x="0" y="29">caller</text><text x="0" y="47">desk</text>{said}{desk}</svg></div>'
    )


def _outcome(said: dict[str, Any]) -> str:
    """What came of a saying, in a word."""
    if said.get("cut_off"):
        return "cut off"
    if said.get("taken"):
        return "taken"
    value = next((said[name] for name in ("stop", "latency", "held") if said.get(name) is not None), "")
    return value if isinstance(value, str) else f"{1000 * value:.0f} ms"


def _title(call: dict[str, Any]) -> str:
    echo = call["echo"]
    where = f"echo of {echo['level_db']} dB after {echo['delay_s']} s, {echo['room']}" if echo else ""
    return ", ".join(filter(None, (call["name"], where, call["outcome"])))


def _told(said: dict[str, Any]) -> str:
    """What a saying came to, in a line."""
    facts = [said["clip"], said["kind"]]
    for name in ("latency", "stop", "held"):
        if name in said:
            value = said[name]
            facts.append(f"{name} {value if isinstance(value, str) else f'{1000 * value:.0f} ms'}")
    facts += [name.replace("_", " ") for name in ("cut_off", "taken") if said.get(name)]
    facts += [f"pause of {pause} s" for pause in said["pauses"]]
    return ", ".join(facts)
