"""Boxes that people drew on pictures: lists of them as their files were read, and what was refused of these."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, Text

from db.schema.column_types import Flag, Real, audited_table, link, optional, required

# What a file of boxes said when it was read. What is taken counts until another list supersedes it.
region_list = audited_table(
    "region_list",
    link("ingest_run_id", "ingest_run"),  # the ingest that read it
    required("source", Text),  # its pictures' source
    required("root", Text),  # the folder that was ingested
    required("name", Text),  # below the folder of boxes; a keyed pseudonym where paths are private
    required("kind", Text),  # yolo, pascal_voc, coco or csv
    optional("file_sha256", Text),  # of the file's bytes, NULL where they can't be read
    required("content_sha256", Text),  # of its boxes and refusals: equal ones are stored once
    required("taken", Flag),  # 0: the file was refused as a whole, and replaces no earlier one
    link("supersedes_id", "region_list", index=True, optional=True),  # the list of this name that counted before
    Index("region_list_place", "source", "name"),
    CheckConstraint("supersedes_id < id", "region_list_supersedes"),
)

# A box, in pixels of the picture as it is catalogued: x to the right, y down, from its upper left corner.
region = audited_table(
    "region",
    link("region_list_id", "region_list", index=True),  # the list
    link("image_id", "image", index=True),  # the picture
    required("region_class", Text),  # fracture, metal, text … as the file says it
    required("x_min", Real),  # left edge
    required("y_min", Real),  # upper edge
    required("x_max", Real),  # right edge, at most the image's columns
    required("y_max", Real),  # lower edge, at most the image's rows
    optional("drawn_by", Text),  # who drew it, NULL: unknown
    CheckConstraint("x_min >= 0 AND y_min >= 0 AND x_min < x_max AND y_min < y_max", "region_has_area"),
)

refused_region = audited_table(
    "refused_region",
    link("region_list_id", "region_list", index=True),  # the list
    required("place", Text),  # where in the file: line 3, row 3, object 3, annotation 3, or file
    required("reason_code", Text),  # a short stable word: unknown_picture, outside_picture …
    required("reason", Text),  # one sentence
)
