"""The catalogue and its audit trail: SQLAlchemy only, no TensorFlow, no Prefect. Imports nothing here.

From `wrist_model` it may import `records`, `evidence_records` and `errors` (standard library only), nothing else.
"""
