"""What is shown of the results, room by room: a table on the terminal, JSON, a bar chart, a table in
docs/benchmarks.md.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

from harness import Figures, Result
from highlights import highlights, replaced
from peers import ORDER, Peer

COLOURS = {
    "mlfast": "#c8452f",
    "sklearn": "#9aa5b1",
    "sklearnex": "#4c78a8",
    "faiss": "#72a276",
    "pykdtree": "#b58db6",
    "scipy": "#e0b252",
    "celer": "#5f8f8b",
    "skglm": "#a7795b",
    "torch": "#7a6a9f",
}

QUIET = 0.1  # CPUs that others may keep busy before a row is called disturbed


def machine() -> str:
    """Processor, what it can do, and how many CPUs this process may use."""
    facts: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
            name, _, value = line.partition(":")
            facts[name.strip()] = value.strip()
    except OSError:
        return f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs"
    flags = facts.get("flags", "").split()
    simd = next((label for flag, label in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "no AVX2")
    cpus = len(os.sched_getaffinity(0))
    kind = f"family {facts.get('cpu family', '?')} model {facts.get('model', '?')}"
    return f"{facts.get('model name', platform.machine())} ({kind}, {simd}), {cpus} CPUs"


def today() -> str:
    return datetime.date.today().isoformat()


def duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"


def _goal(result: Result) -> str:
    row = result.row
    ratio = f">= {row.goal:g}x {row.against}" if row.goal > 1 else f"not slower than {row.against}"
    return ratio if row.limit is None else f"{ratio}, <= {duration(row.limit)}"


def _verdict(result: Result) -> str:
    return {True: "met", False: "missed", None: "-"}[result.met]


def _mark(result: Result) -> str:
    return " *" if (result.disturbed or 0.0) > QUIET else ""


def _peak(figures: Figures) -> str:
    return "-" if figures.peak_mb is None else f"{figures.peak_mb:.1f}"


def _present(results: list[Result]) -> list[str]:
    return [name for name in ORDER if any(name in r.peers for r in results)]


# ---- terminal ----


def row_lines(result: Result) -> list[str]:
    """One row as it is printed once measured: a line for each contestant, then the verdict."""
    lines = []
    for name, f in result.peers.items():
        judged = "".join(f"   {what} {value:.8g}" for what, value in f.scores.items())
        lines.append(
            f"    {name:<10} min {duration(f.least):>10}   median {duration(f.median):>10}"
            f"   rounds {len(f.seconds)}{judged}   peak +{_peak(f)} MB"
        )
    if result.disturbed is not None and result.disturbed > QUIET:
        lines.append(f"    disturbed: others kept {result.disturbed:.2f} CPUs busy; not to be quoted")
    if result.ratio("best") is not None:
        lines.append(
            f"    mlfast: {_ratio(result.ratio('best'))} best, {_ratio(result.ratio('sklearn'))} sklearn;"
            f" goal {_goal(result)}: {_verdict(result)}"
        )
    if result.heavier:
        lines.append("    mlfast: peak memory above scikit-learn's")
    return lines


def table(results: list[Result]) -> str:
    """All rows of a room for the terminal, least time of every contestant."""
    names = _present(results)
    width = max(len(r.row.title) for r in results)
    head = f"{'work':<{width}} thr " + "".join(f"{n:>11}" for n in names) + "    v best  v sklearn  goal"
    lines = [head, "-" * len(head)]
    for r in results:
        cells = "".join(f"{duration(r.peers[n].least) if n in r.peers else '-':>11}" for n in names)
        ratios = f"{_ratio(r.ratio('best')):>10} {_ratio(r.ratio('sklearn')):>10}"
        lines.append(f"{r.row.title:<{width}} {r.threads:>3} {cells}{ratios}  {_goal(r)}: {_verdict(r)}{_mark(r)}")
    if any(_mark(r) for r in results):
        lines.append(f"* others kept more than {QUIET:g} CPUs busy: measure again on a quiet machine before quoting")
    return "\n".join(lines)


# ---- files ----


def as_json(
    room: str, whole: bool, results: list[Result], peers: dict[str, Peer], rounds: int, scale: int
) -> dict[str, Any]:
    """The report of one room; `whole` says that all its rows were asked for."""
    return {
        "room": room,
        "whole": whole,
        "date": today(),
        "machine": machine(),
        "python": platform.python_version(),
        "versions": {name: peers[name].version for name in _present(results)},
        "rounds": rounds,
        "scale": scale,
        "rows": [
            {
                "key": r.row.key,
                "title": r.row.title,
                "threads": r.threads,
                "goal": r.row.goal,
                "against": r.row.against,
                "limit_s": r.row.limit,
                "minor": r.row.minor,
                "note": r.row.note,
                "peers": {
                    name: {
                        "min_s": f.least,
                        "median_s": f.median,
                        "rounds_s": f.seconds,
                        "scores": f.scores,
                        "peak_mb": f.peak_mb,
                    }
                    for name, f in r.peers.items()
                },
                "ratio_best": r.ratio("best"),
                "ratio_sklearn": r.ratio("sklearn"),
                "met": r.met,
                "disturbed_cpus": r.disturbed,
            }
            for r in results
        ],
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def write_chart(path: Path, results: list[Result], versions: str) -> str | None:
    """Bars of speed against scikit-learn, a mark where the goal stands; a note instead when there is nothing to draw.

    Minor rows are left out.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        return f"no chart: {error} (pip install matplotlib)"
    most = max(r.threads for r in results)
    rows = [r for r in results if "sklearn" in r.peers and r.threads == most and not r.row.minor]
    if not rows:
        return "no chart: nothing was measured beside scikit-learn on the main rows"
    names = _present(rows)
    labelled: set[str] = set()
    figure, axes = plt.subplots(figsize=(10, 1.2 + 0.62 * len(rows)))
    thick = 0.8 / len(names)
    for place, r in enumerate(rows):
        present = [name for name in names if name in r.peers]
        for turn, name in enumerate(present):
            speed = r.peers["sklearn"].least / r.peers[name].least
            y = place + (turn - (len(present) - 1) / 2) * thick
            axes.barh(y, speed, thick * 0.92, color=COLOURS[name], label=None if name in labelled else name)
            labelled.add(name)
            axes.text(speed, y, f" {speed:.2f}x", va="center", fontsize=7)
        if r.row.goal > 1:
            base = r.peers["sklearn"].least
            others = [f.least for n, f in r.peers.items() if n != "mlfast"]
            goal = r.row.goal * (base / min(others) if r.row.against == "best" else 1.0)
            axes.plot([goal, goal], [place - 0.42, place + 0.42], color="black", linewidth=1.4, linestyle=":")
    axes.axvline(1.0, color="#555555", linewidth=0.8)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 1.4)
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if low <= t <= high * 1.4]
    axes.set_xticks(ticks, [f"{t:g}x" for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(rows)), [r.row.title for r in rows], fontsize=8)
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.set_xlabel("speed, scikit-learn = 1 (log scale, least time of each; dotted: mlfast's goal)")
    axes.set_title(f"{rows[0].threads} thread(s), {today()}, {machine()}\n{versions}", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), loc="upper right", ncols=len(names), fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return None


# ---- documents ----


def markdown(content: dict[str, Any]) -> str:
    """A room's table for docs/benchmarks.md from its JSON report: the rows with the most threads, least times.

    Minor rows become a sentence with the least and the greatest ratio among them.
    """
    threads = max(r["threads"] for r in content["rows"])
    rows = [r for r in content["rows"] if r["threads"] == threads]
    shown = [r for r in rows if not r["minor"]]
    names = [n for n in ORDER if any(n in r["peers"] for r in shown)]
    lines = [
        "| work | " + " | ".join(names) + " | to the best peer | to scikit-learn | peak memory, MB (scikit-learn) |",
        "|---|" + "---:|" * (len(names) + 3),
    ]
    for r in shown:
        peers = r["peers"]
        cells = [duration(peers[n]["min_s"]) if n in peers else "" for n in names]
        peaks = [peers.get(n, {}).get("peak_mb") for n in ("mlfast", "sklearn")]
        memory = "" if None in peaks else f"{peaks[0]:.1f} ({peaks[1]:.1f})"
        cells += [_ratio(r["ratio_best"]), _ratio(r["ratio_sklearn"]), memory]
        lines.append(f"| {r['title']} | " + " | ".join(cells) + " |")
    versions = ", ".join(f"{n} {v}" for n, v in content["versions"].items())
    caption = (
        f"{content['date']}, {content['machine']}; {threads} threads; least of {content['rounds']} rounds, "
        f"the libraries in turn; {versions}. Memory is what the call adds to data and imports."
    )
    if any(len(p["rounds_s"]) < content["rounds"] for r in shown for p in r["peers"].values()):
        caption += " Whoever takes more than ten seconds and four times the fastest one's ran in two rounds only."
    disturbed = sum((r["disturbed_cpus"] or 0.0) > QUIET for r in rows)
    if disturbed:
        caption += f" Other work disturbed {disturbed} of the rows."
    return "\n".join([*lines, "", *_summary(rows), caption])


def _summary(rows: list[dict[str, Any]]) -> list[str]:
    """A sentence about the minor rows: how many calls, the ends of their ratios, which are slower than scikit-learn."""
    ratios = {r["title"].split(": ")[-1]: r["ratio_sklearn"] for r in rows if r["minor"] and r["ratio_sklearn"]}
    if not ratios:
        return []
    low, high = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
    slower = [f"`{call}` {_ratio(ratio)}" for call, ratio in ratios.items() if ratio < 1]
    shape = next(r["title"] for r in rows if r["minor"]).split(": ")[0]
    text = (
        f"{shape}: {len(ratios)} calls against scikit-learn, from {_ratio(ratios[low])} (`{low}`) "
        f"to {_ratio(ratios[high])} (`{high}`)"
    )
    return [text + (f"; slower than scikit-learn: {', '.join(slower)}." if slower else "; none is slower."), ""]


def refresh(root: Path, content: dict[str, Any]) -> None:
    """Put the room's table into docs/benchmarks.md, and what README.md shows of it there."""
    if content["scale"] != 1 or not content["whole"] or "mlfast" not in content["versions"]:
        raise SystemExit("the documents take no figures of a --quick run, of some rows only or of a run without mlfast")
    benchmarks, readme = root / "docs" / "benchmarks.md", root / "README.md"
    text = replaced(benchmarks.read_text(), content["room"], markdown(content))
    # Both are made before either is written.
    shown = replaced(readme.read_text(), "highlights", highlights(text))
    benchmarks.write_text(text)
    readme.write_text(shown)
