"""What is shown of the results: a table on the terminal, JSON, a bar chart, and the table in README.md."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

from harness import Figures, Result
from peers import ORDER, Peer

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

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
    return f">= {row.goal:g}x {row.against}" if row.goal > 1 else f"not slower than {row.against}"


def _verdict(result: Result) -> str:
    return {True: "met", False: "missed", None: "-"}[result.met]


def _mark(result: Result) -> str:
    return " *" if (result.disturbed or 0.0) > QUIET else ""


def _peak(figures: Figures) -> str:
    return "-" if figures.peak_mb is None else f"{figures.peak_mb:.1f}"


# ---- terminal ----


def row_lines(result: Result) -> list[str]:
    """One row as it is printed once measured: a line for each contestant, then the verdict."""
    lines = []
    for name, f in result.peers.items():
        lines.append(
            f"    {name:<10} min {duration(f.least):>10}   median {duration(f.median):>10}"
            f"   {result.row.score_name} {f.score:.8g}   peak +{_peak(f)} MB"
        )
    if result.disturbed is not None and result.disturbed > QUIET:
        lines.append(f"    disturbed: others kept {result.disturbed:.2f} CPUs busy; not to be quoted")
    if result.ratio("best") is not None:
        lines.append(
            f"    mlfast: {_ratio(result.ratio('best'))} best, {_ratio(result.ratio('sklearn'))} sklearn;"
            f" goal {_goal(result)}: {_verdict(result)}"
        )
    return lines


def table(results: list[Result]) -> str:
    """All rows for the terminal, least time of every contestant."""
    names = [n for n in ORDER if any(n in r.peers for r in results)]
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


def as_json(results: list[Result], peers: dict[str, Peer], rounds: int, scale: int) -> dict[str, Any]:
    return {
        "date": today(),
        "machine": machine(),
        "python": platform.python_version(),
        "versions": {name: peer.version for name, peer in peers.items()},
        "rounds": rounds,
        "scale": scale,
        "rows": [
            {
                "key": r.row.key,
                "title": r.row.title,
                "threads": r.threads,
                "goal": r.row.goal,
                "against": r.row.against,
                "score_name": r.row.score_name,
                "note": r.row.note,
                "peers": {
                    name: {
                        "min_s": f.least,
                        "median_s": f.median,
                        "rounds_s": f.seconds,
                        "score": f.score,
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
    """Bars of speed against scikit-learn, a mark where the goal stands; a note instead when matplotlib is missing."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        return f"no chart: {error} (pip install matplotlib)"
    rows = [r for r in results if "sklearn" in r.peers and r.threads == max(x.threads for x in results)]
    names = [n for n in ORDER if any(n in r.peers for r in rows)]
    colours = {"mlfast": "#c8452f", "sklearn": "#9aa5b1", "sklearnex": "#4c78a8", "faiss": "#72a276"}
    figure, axes = plt.subplots(figsize=(10, 1.2 + 0.62 * len(rows)))
    thick = 0.8 / len(names)
    for place, r in enumerate(rows):
        for turn, name in enumerate(names):
            if name not in r.peers:
                continue
            speed = r.peers["sklearn"].least / r.peers[name].least
            y = place + (turn - (len(names) - 1) / 2) * thick
            axes.barh(y, speed, thick * 0.92, color=colours[name], label=name if place == 0 else None)
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
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if low <= t <= high * 1.4]
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


# ---- README ----


def markdown(content: dict[str, Any]) -> str:
    """The README's table from a JSON report: the rows with the most threads, least times."""
    threads = max(r["threads"] for r in content["rows"])
    names = [n for n in ORDER if n in content["versions"]]
    lines = [
        "| work | " + " | ".join(names) + " | to the best peer | to scikit-learn | peak memory, MB (scikit-learn) |",
        "|---|" + "---:|" * (len(names) + 3),
    ]
    for r in content["rows"]:
        if r["threads"] != threads:
            continue
        peers = r["peers"]
        cells = [duration(peers[n]["min_s"]) if n in peers else "" for n in names]
        peaks = [peers.get(n, {}).get("peak_mb") for n in ("mlfast", "sklearn")]
        memory = "" if None in peaks else f"{peaks[0]:.1f} ({peaks[1]:.1f})"
        cells += [_ratio(r["ratio_best"]), _ratio(r["ratio_sklearn"]), memory]
        lines.append(f"| {r['title']} | " + " | ".join(cells) + " |")
    versions = ", ".join(f"{n} {v}" for n, v in content["versions"].items())
    disturbed = sum((r["disturbed_cpus"] or 0.0) > QUIET for r in content["rows"] if r["threads"] == threads)
    caption = (
        f"{content['date']}, {content['machine']}; {threads} threads; least of {content['rounds']} rounds, "
        f"the contestants in turn; {versions}. Memory is what the call adds to data and imports. "
        "`make bench` repeats it."
    )
    if disturbed:
        caption += f" Other work disturbed {disturbed} of the rows."
    lines += ["", caption]
    return "\n".join(lines)


def refresh(readme: Path, content: dict[str, Any]) -> None:
    """Put the table between the two marks of README.md, which must be there."""
    if content["scale"] != 1 or "mlfast" not in content["versions"]:
        raise SystemExit("README.md takes no figures of a --quick run or of a run without mlfast")
    text = readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise SystemExit(f"{readme} needs one {BEGIN} and one {END} after it")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{markdown(content)}\n{END}{after}")
