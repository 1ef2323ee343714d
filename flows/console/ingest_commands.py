"""Commands on the catalogue's content: ingest, split, exclude, merge-patients, relabel, locate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from flows.console.flow_session import check, prefect
from flows.console.options import BodyPart, Cluster, Jobs, Json, Labels, Paths, Source
from flows.console.output import counted, show
from wrist_model.sources.source_item import Designation, Uncertain
from wrist_model.terminal_text import in_a_line

SAME_NUMBERS = (
    "the same people? `wrist merge-patients` says so of two, a new WRIST_HOME with one --source for both of "
    "all; others? `wrist ingest LIST --source NAME --distinct-patients`"
)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(cls=Ingest)(ingest)
    for command in (split, exclude, merge_patients, relabel, locate):
        app.command()(command)


class Ingest(TyperCommand):
    """`--as external NAME` is said in one breath: the word after it is the name, unless --name says it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words = [part for word in args for part in (("--as", "external") if word == "--as=external" else (word,))]
        named = any(word == "--name" or word.startswith("--name=") for word in words)
        for place in range(2, len(words)):
            if words[place - 2 : place] == ["--as", "external"] and not named and not words[place].startswith("-"):
                words.insert(place, "--name")
                break
        return super().parse_args(ctx, words)


def ingest(
    paths: Paths = None,
    labels: Labels = None,
    source: Source = None,
    body_part: BodyPart = "WRIST",
    jobs: Jobs = None,
    max_megapixels: Annotated[float, typer.Option(help="Larger pictures are refused.", min=0.01)] = 64.0,
    max_frames: Annotated[int, typer.Option(help="DICOM objects with more are refused.", min=1)] = 256,
    cluster: Cluster = None,
    distinct_patients: Annotated[
        bool, typer.Option("--distinct-patients", help="Numbers that other sources have, too, are other people's.")
    ] = False,
    uncertain: Annotated[
        Uncertain, typer.Option(help="Studies whose label the source itself doubts: exclude, keep or unlabel.")
    ] = "exclude",
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Follow links that lead out of a folder.")
    ] = False,
    designate: Annotated[
        Designation | None,
        typer.Option("--as", help="The whole source is a hold-out, for good: test, or external NAME."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The external set's name.")] = None,
    boxes: Annotated[
        str | None, typer.Option("--boxes", help="File or folder of boxes: YOLO, Pascal VOC, COCO or CSV.")
    ] = None,
    label_meaning: Annotated[
        str | None, typer.Option("--label-meaning", help="What a positive label says; default: abnormal.")
    ] = None,
    remember: Annotated[bool, typer.Option("--remember", help="Note the paths in sources.toml.")] = False,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Name known files that today's decoder reads otherwise; take none.")
    ] = False,
    take: Annotated[bool, typer.Option("--take", help="With --recheck: take them as new image rows.")] = False,
    as_json: Json = False,
) -> None:
    """Catalogue files: MURA, GRAZPEDWRI-DX, a folder or file of DICOM, PNG or JPEG, a DICOMDIR, or a manifest CSV."""
    from wrist_model.sources.recognise_source import absolute, designation_of

    designation = designation_of(designate, name)
    if designation is not None and not paths:
        raise typer.BadParameter("Say of which PATH.", param_hint="--as")
    check("report", paths=paths, labels=labels, boxes=boxes, roots=True, networks=False)
    if remember:
        _refuse_single_files(paths)
    if recheck or take:
        _recheck(paths, source, body_part, take, as_json)
        return
    with prefect():
        from dataclasses import replace

        from db.home import home
        from flows.ingest import ingest as ingest_flow
        from tasks import requests
        from tasks.ingest import places, with_more
        from tasks.sources_toml import remember as remember_root

        with requests.stored(paths, labels, boxes) as request:
            counts = ingest_flow(
                None,
                None,
                source,
                body_part,
                jobs=jobs,
                max_megapixels=max_megapixels,
                cluster=cluster,
                distinct_patients=distinct_patients,
                uncertain=uncertain,
                follow_links=follow_links,
                max_frames=max_frames,
                request=request,
                designation=designation,
                label_meaning=label_meaning,
            )
        for place in (
            with_more(
                places(paths, labels, source, body_part, distinct_patients, uncertain, follow_links, designation),
                boxes,
                label_meaning,
            )
            if remember and paths
            else ()
        ):
            file = str(absolute(place.labels)) if place.labels else None
            drawn = str(absolute(place.boxes)) if place.boxes else None
            remember_root(home(), replace(place, path=str(absolute(place.path)), labels=file, boxes=drawn))
    show(counts, as_json, lambda: _print_counts(counts))


def _refuse_single_files(paths: list[str] | None) -> None:
    """Raises UsageError for a file that is no list: its name may tell who somebody is, and stays in sources.toml."""
    from wrist_model.errors import UsageError
    from wrist_model.regular_file import is_folder

    for path in paths or ():
        if not is_folder(path) and not path.lower().endswith(".csv"):
            raise UsageError(f"--remember {path}: one file. Remember the folder that new files come into, or a list.")


def _recheck(paths: list[str] | None, source: str | None, body_part: str, take: bool, as_json: bool) -> None:
    from tasks.recheck_decoding import as_rows, recheck_places

    found = as_rows(recheck_places(paths, source, body_part, take))

    def print_differences() -> None:
        for row in found:
            path = in_a_line(str(row["path"]))
            subject = f"{row['image_uid']} ({path})" if row["image_uid"] else path
            taken = f", taken as {row['taken_as']}" if row["taken_as"] else ""
            taken += f", not taken: {row['refused']}" if row["refused"] else ""
            print(f"{subject}: was {row['was']}, now {'other ' if row['image_uid'] else ''}{row['now']}{taken}")
        print(f"{counted(len(found), 'file')} would decode otherwise now" + ("" if take or not found else "; --take"))

    show(found, as_json, print_differences)


def _print_counts(counts: dict[str, Any]) -> None:
    parts = [
        f"{number} {name}" for name, number in counts.items() if isinstance(number, int) and name != "seen" and number
    ]
    print(f"{counted(counts['seen'], 'file')} seen: {', '.join(parts) or 'nothing'}")
    print_quarantined(counts)


def print_quarantined(counts: dict[str, Any]) -> None:
    for reason, number in sorted(counts["reasons"].items()):
        print(f"  quarantined as {reason}: {number}")
    for what, number in sorted(counts["suspicious"].items()):
        print(f"  catalogued, but looks wrong ({what.replace('_', ' ')}): {number}")
    if counts["suspicious"]:
        print('  which: wrist sql "select path, suspicious from images where suspicious is not null"')
    boxes, refused = counts["regions"], counts["refused_boxes"]
    if boxes or refused:
        kept = ", ".join(f"{boxes.get(name, 0)} {name}" for name in ("new", "unchanged"))
        print(f"  boxes: {kept}, {sum(refused.values())} refused")
    for reason, number in sorted(refused.items()):
        print(f"    refused as {reason}: {number}")
    if refused:
        print('    which, and why: wrist sql "select list, place, reason from refused_regions order by seq desc"')
    if counts["reasons"]:
        print('  which, and why: wrist sql "select path, reason from quarantined_files order by seq desc"')


def split(
    freeze: Annotated[bool, typer.Option("--freeze", help="Freeze a data-set version.")] = False,
    mixed_labels: Annotated[
        bool, typer.Option("--mixed-labels", help="With --freeze: sources' labels may mean different things.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the patient-level split and the guard's findings; freeze a data-set version."""
    from tasks.split_preview import preview_split

    found = preview_split()
    if freeze:
        with prefect():
            from flows.freeze import freeze as freeze_flow

            found["dataset_id"] = freeze_flow(mixed_labels)

    def tell() -> None:
        names = [f"external {row['hold_out']}" if row["hold_out"] else row["split"] for row in found["splits"]]
        width = max(12, *(len(name) + 2 for name in names))
        print(f"{'split':<{width}}{'patients':>9}{'studies':>9}{'images':>9}{'positive images':>17}")
        for name, row in zip(names, found["splits"], strict=True):
            share = f"{row['positive_images']} ({row['positive_share']:.0%})" if row["images"] else "0"
            print(f"{name:<{width}}{row['patients']:>9}{row['studies']:>9}{row['images']:>9}{share:>17}")
        for reason, number in found["left_out"].items():
            print(f"left out: {number} images: {reason}")
        print(f"guard: {found['guard']}")
        for both in found["same_numbers"]:
            said = "said to be other people" if both["declared"] else SAME_NUMBERS
            print(
                f"same numbers in {' and '.join(both['sources'])}: {both['patients']} patients, "
                f"{both['in_two_splits']} of them in two splits ({said})"
            )
        for link in found["kept_apart"][:20]:
            what, splits = link["kind"].replace("_", " "), " and ".join(link["splits"])
            print(f"kept apart ({what}, {splits}): {' '.join(link['images'])}")
        if "dataset_id" in found:
            print(f"frozen: {found['dataset_id']}")

    show(found, as_json, tell)


def locate(
    target: Annotated[str, typer.Argument(metavar="ID", help="An image's id (im-…) or a stored path (pa-…).")],
    folder: Annotated[Path, typer.Argument(help="The folder that was ingested.")],
    as_json: Json = False,
) -> None:
    """The file behind a catalogued or quarantined id, found again by walking its folder."""
    from tasks.locate_file import locate as locate_file

    found = str(locate_file(target, folder))
    show({"file": found}, as_json, lambda: print(in_a_line(found)))


def relabel(
    file: Annotated[Path, typer.Argument(help="Corrected study paths, one a line, or a CSV with labels.")],
    as_json: Json = False,
) -> None:
    """Store a new label version; the old labels stay."""
    from tasks.relabel import relabel as relabel_studies

    found = relabel_studies(file)
    show(
        found,
        as_json,
        lambda: print(
            f"Label version {found['label_version']}: {counted(found['n_changed'], 'study', 'studies')} changed."
        ),
    )


def exclude(
    target: Annotated[str, typer.Argument(metavar="ID", help="im-…, st-… or pt-….")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take it in again.")] = False,
    as_json: Json = False,
) -> None:
    """Leave an image, a study or a patient out of later data-set versions."""
    from dataclasses import asdict

    from db import exclusions
    from db.engine import open_catalogue
    from tasks.runtime.provenance import provenance

    done = exclusions.exclude(open_catalogue(existing=True), target, reason, provenance(), undo)
    word = "taken in again" if undo else "left out of later data-set versions"
    show(asdict(done), as_json, lambda: print(f"{done.target}: {counted(done.n_images, 'image')} {word}."))


def merge_patients(
    first: Annotated[str, typer.Argument(metavar="A", help="A patient (pt-…).")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same person's other patient (pt-…).")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")],
    as_json: Json = False,
) -> None:
    """Say that two patients are one person, as a PACS does when it merges them; kept in the record for ever.

    Where they stand in two splits, later data-set versions leave the train (or validation) side out.
    """
    from dataclasses import asdict

    from db import patient_identity
    from db.engine import open_catalogue
    from tasks.runtime.provenance import provenance

    done = patient_identity.merge_patients(open_catalogue(existing=True), first, second, reason, provenance())
    word = "are one person" if done.written else "were one person already"
    if len(done.splits) > 1:
        left = " and ".join(done.splits[1:])
        word += f", in {' and '.join(done.splits)}: later data-set versions leave the {left} side out"
    show(asdict(done), as_json, lambda: print(f"{first} and {second} {word}."))
