"""What was fixed before a hold-out was looked at, and which looks were made under it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Text, UniqueConstraint

from db.schema.column_types import Flag, Number, Real, audited_table, link, optional, required

# Margins, floors, looks, operating point, subgroups and rule of a recipe's retrain on a frozen version.
plan = audited_table(
    "plan",
    required("plan_id", Text, unique=True),  # public id
    required("content_sha256", Text),  # of content
    required("content", Text),  # canonical JSON
    link("recipe_id", "recipe"),  # whose gate it is
    link("dataset_version_id", "dataset_version", index=True),  # whose test patients are looked at
    required("rule", Text),  # score or bootstrap
    required("looks_planned", Number),  # over which the error is divided
    required("looks_before", Number),  # made at these patients when it was stored
    required("alpha_spent", Real),  # of the error, when it was stored; 0–1
    link("begins_id", "plan", optional=True),  # the plan that began this budget; NULL: it begins one itself
    required("new_patients_only", Flag),  # 1: the budget is of test patients who weren't looked at before it began
    UniqueConstraint("recipe_id", "dataset_version_id"),
    CheckConstraint("begins_id < id", "plan_begins"),
    CheckConstraint("rule IN ('bootstrap', 'score')", "plan_rule"),
)

# A decision of the gate under a plan.
plan_look = audited_table(
    "plan_look",
    link("plan_id", "plan", index=True),  # the plan
    link("promotion_id", "promotion", index=True),  # the decision
    required("look", Number),  # its number, from 1
    required("alpha", Real),  # one-sided error of its limits; 0: none was left
    required("evaluation_ids", Text),  # JSON list: the evaluations that this look took together
    optional("compared", Text),  # JSON object: reference → patients of each class compared on
)
