"""mlfast beside its peers, end to end: time and score of every row, in one process, in turn.

    python benches/compare/run.py                      everything, 2 threads and 1
    python benches/compare/run.py --room neighbors     one room
    python benches/compare/run.py --only lloyd --only one-row
    python benches/compare/run.py --quick              a tenth of the data, two rounds, no memory: does it run?
    python benches/compare/run.py --docs               also refresh the tables of docs/benchmarks.md and README.md
    python benches/compare/run.py --from bench-output/kmeans.json      refresh them from an earlier run

Writes bench-output/<room>.json and <room>.png. A contestant that is not installed is left out with a note.
A new room adds its file of rows beside kmeans.py.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

import harness
import peers as contestants
import report

ROOT = Path(__file__).resolve().parents[2]
#: The files of rows, beside this one.
ROOMS = {
    path.stem: importlib.import_module(path.stem)
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if "\nROWS = [" in path.read_text()
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", choices=ROOMS, help="rows of this room only")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="rows whose key begins with TEXT")
    parser.add_argument("--peers", default=",".join(contestants.ORDER), help="contestants, with commas between")
    parser.add_argument("--rounds", type=int, default=7, help="rounds per row (default 7; 5 at least for a claim)")
    parser.add_argument("--threads", default="2,1", help="thread counts, with commas between (default 2,1)")
    parser.add_argument("--output", type=Path, default=ROOT / "bench-output", metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data, two rounds, no memory")
    parser.add_argument("--no-memory", action="store_true", help="leave peak memory out")
    parser.add_argument("--docs", action="store_true", help="refresh the tables of docs/benchmarks.md and README.md")
    parser.add_argument(
        "--from", dest="earlier", type=Path, metavar="FILE", help="refresh the documents from this report, run nothing"
    )
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--memory-of", metavar="PEER", help=argparse.SUPPRESS)  # how harness.memory calls this script
    parser.add_argument("--scale", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args()


def chosen(room: str | None, only: list[str]) -> dict[str, list[harness.Row]]:
    """The rows asked for, by room."""
    rooms = {name: module.ROWS for name, module in ROOMS.items() if room in (None, name)}
    picked = {
        name: [row for row in rows if not only or any(row.key.startswith(text) for text in only)]
        for name, rows in rooms.items()
    }
    if not any(picked.values()):
        keys = ", ".join(row.key for rows in rooms.values() for row in rows)
        raise SystemExit(f"no row begins with {', '.join(only)}; there are: {keys}")
    return {name: rows for name, rows in picked.items() if rows}


def main() -> None:
    args = arguments()
    if args.earlier:
        report.refresh(ROOT, json.loads(args.earlier.read_text()))
        return
    rooms = chosen(args.room, args.only)
    threads = [int(t) for t in args.threads.split(",")]
    if args.memory_of:
        (row,) = (row for rows in rooms.values() for row in rows if row.key == args.only[0])
        harness.child(row, args.memory_of, threads[0], args.scale)
        return
    if args.list:
        print("\n".join(f"{row.key:<48}{row.title}" for rows in rooms.values() for row in rows))
        return

    scale, rounds = (10, 2) if args.quick else (args.scale, args.rounds)
    # Who takes part in no row is not even imported: it might set up threads of its own.
    taking_part = {name for rows in rooms.values() for row in rows for name in row.jobs}
    found, notes = contestants.installed(tuple(name for name in args.peers.split(",") if name in taking_part))
    versions = ", ".join(f"{name} {peer.version}" for name, peer in found.items())
    print(f"{report.today()}, {report.machine()}, load {os.getloadavg()[0]:.1f}\n{versions}; {rounds} rounds in turn")
    for note in notes + [note for name in rooms for note in ROOMS[name].NOTES]:
        print(f"note: {note}")
    if not found:
        raise SystemExit("nobody to measure")

    everything: list[harness.Result] = []
    for room, rows in rooms.items():
        results: list[harness.Result] = []
        for count in threads:
            for row in rows:
                if not any(name in row.jobs for name in found):
                    continue
                print(f"\n[{count} thread{'s' if count > 1 else ''}] {row.title} ({row.key})", flush=True)
                result = harness.measure(row, found, count, rounds, scale)
                if not (args.quick or args.no_memory or row.short):
                    harness.memory(result, scale)
                results.append(result)
                print("\n".join(report.row_lines(result)), flush=True)
        if not results:
            continue
        everything += results
        print(f"\n{ROOMS[room].TITLE}\n{report.table(results)}")
        content = report.as_json(room, len(rows) == len(ROOMS[room].ROWS), results, found, rounds, scale)
        report.write_json(args.output / f"{room}.json", content)
        problem = report.write_chart(args.output / f"{room}.png", results, versions)
        print(f"\nwrote {args.output}/{room}.json" + (f"; {problem}" if problem else f" and {room}.png"))
        if args.docs:
            report.refresh(ROOT, content)
    for what, rows in (
        ("goals missed", [r for r in everything if r.met is False]),
        ("peak memory above scikit-learn's", [r for r in everything if r.heavier]),
    ):
        if rows:
            print(f"{what}: {', '.join(f'{r.row.key} ({r.threads})' for r in rows)}", file=sys.stderr)


if __name__ == "__main__":
    main()
