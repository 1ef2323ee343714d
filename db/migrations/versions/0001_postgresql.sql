CREATE TABLE audit_entry (
	seq BIGINT NOT NULL,
	table_name TEXT NOT NULL,
	first_row BIGINT NOT NULL,
	last_row BIGINT NOT NULL,
	n_rows BIGINT NOT NULL,
	batch_sha256 TEXT NOT NULL,
	marks TEXT NOT NULL,
	chain_sha256 TEXT NOT NULL,
	actor TEXT NOT NULL,
	at TEXT NOT NULL,
	prefect_flow_run_id TEXT,
	PRIMARY KEY (seq)
)
-- next
CREATE INDEX ix_audit_entry_at ON audit_entry (at)
-- next
CREATE TABLE file (
	root TEXT NOT NULL,
	path TEXT NOT NULL,
	size BIGINT,
	mtime_ns BIGINT,
	file_sha256 TEXT,
	reason_code TEXT,
	PRIMARY KEY (root, path)
)
-- next
CREATE TABLE heartbeat (
	run_id TEXT NOT NULL,
	at TEXT NOT NULL,
	host TEXT NOT NULL,
	pid BIGINT NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY (run_id)
)
-- next
CREATE TABLE work_lock (
	name TEXT NOT NULL,
	owner TEXT NOT NULL,
	acquired_at TEXT NOT NULL,
	renewed_at TEXT NOT NULL,
	PRIMARY KEY (name)
)
-- next
CREATE TABLE environment (
	environment_sha256 TEXT NOT NULL,
	git_commit TEXT NOT NULL,
	git_dirty SMALLINT NOT NULL,
	libraries TEXT NOT NULL,
	machine TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (environment_sha256),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE fact (
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (name),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE label_version (
	version BIGINT NOT NULL,
	note TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (version),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE patient (
	patient_key TEXT NOT NULL,
	patient_known SMALLINT NOT NULL,
	split TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT patient_split CHECK (split IN ('train', 'validation', 'test')),
	UNIQUE (id, split),
	UNIQUE (patient_key),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE recipe (
	recipe_sha256 TEXT NOT NULL,
	name TEXT NOT NULL,
	content TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (recipe_sha256),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE stage_cost (
	flow TEXT NOT NULL,
	run_id TEXT,
	stage TEXT NOT NULL,
	wall_seconds DOUBLE PRECISION NOT NULL,
	cpu_seconds DOUBLE PRECISION,
	peak_bytes BIGINT,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_stage_cost_flow ON stage_cost (flow)
-- next
CREATE TABLE dataset_version (
	dataset_id TEXT NOT NULL,
	manifest_sha256 TEXT NOT NULL,
	label_version BIGINT NOT NULL,
	n_patients BIGINT NOT NULL,
	n_studies BIGINT NOT NULL,
	n_images BIGINT NOT NULL,
	guard_status TEXT NOT NULL,
	guard TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(label_version) REFERENCES label_version (version),
	UNIQUE (dataset_id),
	UNIQUE (manifest_sha256),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE ingest_run (
	ingest_run_id TEXT NOT NULL,
	source TEXT NOT NULL,
	environment_id BIGINT,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (ingest_run_id),
	FOREIGN KEY(environment_id) REFERENCES environment (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE study (
	study_uid TEXT NOT NULL,
	patient_id BIGINT NOT NULL,
	source TEXT NOT NULL,
	body_part TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (id, patient_id),
	UNIQUE (study_uid),
	FOREIGN KEY(patient_id) REFERENCES patient (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_study_patient_id ON study (patient_id)
-- next
CREATE TABLE dataset_patient (
	dataset_version_id BIGINT NOT NULL,
	patient_id BIGINT NOT NULL,
	split TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (dataset_version_id, patient_id),
	UNIQUE (dataset_version_id, patient_id, split),
	FOREIGN KEY(patient_id, split) REFERENCES patient (id, split),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_dataset_patient_patient_id ON dataset_patient (patient_id)
-- next
CREATE TABLE dataset_pixels (
	dataset_version_id BIGINT NOT NULL,
	pixel_sha256 TEXT NOT NULL,
	split TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (dataset_version_id, pixel_sha256),
	UNIQUE (dataset_version_id, pixel_sha256, split),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE image (
	image_uid TEXT NOT NULL,
	study_id BIGINT NOT NULL,
	patient_id BIGINT NOT NULL,
	ingest_run_id BIGINT NOT NULL,
	path TEXT NOT NULL,
	format TEXT NOT NULL,
	frame BIGINT NOT NULL,
	file_sha256 TEXT NOT NULL,
	file_size BIGINT NOT NULL,
	pixel_sha256 TEXT NOT NULL,
	rows BIGINT NOT NULL,
	columns BIGINT NOT NULL,
	photometric TEXT NOT NULL,
	inverted SMALLINT NOT NULL,
	multi_view SMALLINT NOT NULL,
	view TEXT,
	hardware SMALLINT,
	sex TEXT,
	age BIGINT,
	burned_in SMALLINT,
	manufacturer_key TEXT,
	perceptual_hash TEXT,
	mean_intensity DOUBLE PRECISION,
	decode_steps TEXT NOT NULL,
	extra TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(study_id, patient_id) REFERENCES study (id, patient_id),
	UNIQUE (id, study_id, patient_id),
	UNIQUE (id, pixel_sha256),
	UNIQUE (image_uid),
	FOREIGN KEY(ingest_run_id) REFERENCES ingest_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_image_pixel_sha256 ON image (pixel_sha256)
-- next
CREATE INDEX ix_image_study_id ON image (study_id)
-- next
CREATE TABLE ingest_event (
	ingest_run_id BIGINT NOT NULL,
	status TEXT NOT NULL,
	reason TEXT,
	n_new BIGINT NOT NULL,
	n_unchanged BIGINT NOT NULL,
	n_changed BIGINT NOT NULL,
	n_filtered BIGINT NOT NULL,
	n_ignored BIGINT NOT NULL,
	n_quarantined BIGINT NOT NULL,
	seconds DOUBLE PRECISION,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(ingest_run_id) REFERENCES ingest_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_ingest_event_ingest_run_id ON ingest_event (ingest_run_id)
-- next
CREATE TABLE label (
	label_version BIGINT NOT NULL,
	study_id BIGINT NOT NULL,
	label SMALLINT,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(label_version) REFERENCES label_version (version),
	UNIQUE (study_id, label_version),
	CONSTRAINT label_binary CHECK (label IN (0, 1)),
	FOREIGN KEY(study_id) REFERENCES study (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE leak_demonstration (
	dataset_version_id BIGINT NOT NULL,
	recipe_sha256 TEXT,
	architecture TEXT NOT NULL,
	protocol TEXT NOT NULL,
	metric TEXT NOT NULL,
	value DOUBLE PRECISION,
	ci_low DOUBLE PRECISION,
	ci_high DOUBLE PRECISION,
	n_images BIGINT NOT NULL,
	n_patients BIGINT NOT NULL,
	note TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_leak_demonstration_dataset_version_id ON leak_demonstration (dataset_version_id)
-- next
CREATE TABLE quarantined_file (
	ingest_run_id BIGINT NOT NULL,
	root TEXT NOT NULL,
	path TEXT NOT NULL,
	file_sha256 TEXT,
	file_size BIGINT,
	reason_code TEXT NOT NULL,
	reason TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(ingest_run_id) REFERENCES ingest_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX quarantined_file_place ON quarantined_file (root, path)
-- next
CREATE TABLE report (
	report_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	path TEXT NOT NULL,
	file_sha256 TEXT NOT NULL,
	dataset_version_id BIGINT,
	evaluation_ids TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (report_id),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE training_run (
	training_run_id TEXT NOT NULL,
	dataset_version_id BIGINT NOT NULL,
	recipe_id BIGINT NOT NULL,
	environment_id BIGINT NOT NULL,
	architecture TEXT NOT NULL,
	seed BIGINT NOT NULL,
	weights_source TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (training_run_id),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(recipe_id) REFERENCES recipe (id),
	FOREIGN KEY(environment_id) REFERENCES environment (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_training_run_dataset_version_id ON training_run (dataset_version_id)
-- next
CREATE TABLE tuning_trial (
	study_name TEXT NOT NULL,
	trial BIGINT NOT NULL,
	architecture TEXT NOT NULL,
	learning_rate DOUBLE PRECISION,
	batch_size BIGINT,
	value DOUBLE PRECISION,
	state TEXT NOT NULL,
	seconds DOUBLE PRECISION,
	parameters TEXT NOT NULL,
	dataset_version_id BIGINT,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (study_name, trial, state),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE dataset_member (
	dataset_version_id BIGINT NOT NULL,
	image_id BIGINT NOT NULL,
	study_id BIGINT NOT NULL,
	patient_id BIGINT NOT NULL,
	split TEXT NOT NULL,
	label SMALLINT,
	included SMALLINT NOT NULL,
	excluded_reason TEXT,
	pixel_guard TEXT,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (dataset_version_id, image_id),
	FOREIGN KEY(image_id, study_id, patient_id) REFERENCES image (id, study_id, patient_id),
	FOREIGN KEY(image_id, pixel_guard) REFERENCES image (id, pixel_sha256),
	FOREIGN KEY(dataset_version_id, patient_id, split) REFERENCES dataset_patient (dataset_version_id, patient_id, split),
	FOREIGN KEY(dataset_version_id, pixel_guard, split) REFERENCES dataset_pixels (dataset_version_id, pixel_sha256, split),
	CONSTRAINT member_guarded CHECK ((included = 1) = (pixel_guard IS NOT NULL)),
	CONSTRAINT member_reason CHECK ((included = 1) = (excluded_reason IS NULL)),
	CONSTRAINT member_labelled CHECK (included = 0 OR label IS NOT NULL),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_dataset_member_image_id ON dataset_member (image_id)
-- next
CREATE INDEX ix_dataset_member_patient_id ON dataset_member (patient_id)
-- next
CREATE INDEX ix_dataset_member_study_id ON dataset_member (study_id)
-- next
CREATE TABLE exclusion (
	image_id BIGINT,
	study_id BIGINT,
	patient_id BIGINT,
	reason TEXT NOT NULL,
	undone SMALLINT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(image_id) REFERENCES image (id),
	FOREIGN KEY(study_id) REFERENCES study (id),
	FOREIGN KEY(patient_id) REFERENCES patient (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_exclusion_image_id ON exclusion (image_id)
-- next
CREATE INDEX ix_exclusion_patient_id ON exclusion (patient_id)
-- next
CREATE INDEX ix_exclusion_study_id ON exclusion (study_id)
-- next
CREATE TABLE image_location (
	image_id BIGINT NOT NULL,
	root TEXT NOT NULL,
	path TEXT NOT NULL,
	PRIMARY KEY (image_id),
	FOREIGN KEY(image_id) REFERENCES image (id)
)
-- next
CREATE TABLE model_version (
	model_version_id TEXT NOT NULL,
	architecture TEXT NOT NULL,
	training_run_id BIGINT,
	artifact_sha256 TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (model_version_id),
	FOREIGN KEY(training_run_id) REFERENCES training_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_model_version_training_run_id ON model_version (training_run_id)
-- next
CREATE TABLE near_duplicate (
	image_a_id BIGINT NOT NULL,
	image_b_id BIGINT NOT NULL,
	distance DOUBLE PRECISION,
	correlation DOUBLE PRECISION,
	confirmed SMALLINT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (image_a_id, image_b_id),
	CHECK (image_a_id < image_b_id),
	FOREIGN KEY(image_a_id) REFERENCES image (id),
	FOREIGN KEY(image_b_id) REFERENCES image (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE training_epoch (
	training_run_id BIGINT NOT NULL,
	epoch BIGINT NOT NULL,
	loss DOUBLE PRECISION,
	accuracy DOUBLE PRECISION,
	val_loss DOUBLE PRECISION,
	val_accuracy DOUBLE PRECISION,
	learning_rate DOUBLE PRECISION,
	seconds DOUBLE PRECISION,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (training_run_id, epoch),
	FOREIGN KEY(training_run_id) REFERENCES training_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE training_event (
	training_run_id BIGINT NOT NULL,
	status TEXT NOT NULL,
	reason TEXT,
	resumable SMALLINT NOT NULL,
	weights_source TEXT,
	weights_sha256 TEXT,
	best_epoch BIGINT,
	seconds DOUBLE PRECISION,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(training_run_id) REFERENCES training_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_training_event_training_run_id ON training_event (training_run_id)
-- next
CREATE TABLE drift_check (
	drift_id TEXT NOT NULL,
	model_version_id BIGINT,
	feature TEXT NOT NULL,
	statistic DOUBLE PRECISION,
	p_value DOUBLE PRECISION,
	p_adjusted DOUBLE PRECISION,
	psi DOUBLE PRECISION,
	alert SMALLINT NOT NULL,
	n_reference BIGINT NOT NULL,
	n_current BIGINT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(model_version_id) REFERENCES model_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_drift_check_drift_id ON drift_check (drift_id)
-- next
CREATE TABLE evaluation (
	evaluation_id TEXT NOT NULL,
	purpose TEXT NOT NULL,
	model_version_id BIGINT NOT NULL,
	dataset_version_id BIGINT,
	label_version BIGINT NOT NULL,
	recipe_id BIGINT,
	environment_id BIGINT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT evaluation_purpose CHECK (purpose IN ('evaluation', 'prospective')),
	FOREIGN KEY(label_version) REFERENCES label_version (version),
	UNIQUE (evaluation_id),
	FOREIGN KEY(model_version_id) REFERENCES model_version (id),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(recipe_id) REFERENCES recipe (id),
	FOREIGN KEY(environment_id) REFERENCES environment (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_evaluation_dataset_version_id ON evaluation (dataset_version_id)
-- next
CREATE INDEX ix_evaluation_model_version_id ON evaluation (model_version_id)
-- next
CREATE TABLE model_member (
	model_version_id BIGINT NOT NULL,
	member_id BIGINT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (model_version_id, member_id),
	FOREIGN KEY(model_version_id) REFERENCES model_version (id),
	FOREIGN KEY(member_id) REFERENCES model_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE operating_point (
	model_version_id BIGINT NOT NULL,
	level TEXT NOT NULL,
	name TEXT NOT NULL,
	threshold DOUBLE PRECISION NOT NULL,
	target DOUBLE PRECISION,
	slope DOUBLE PRECISION NOT NULL,
	intercept DOUBLE PRECISION NOT NULL,
	serving SMALLINT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (model_version_id, level, name),
	CONSTRAINT point_level CHECK (level IN ('image', 'study')),
	FOREIGN KEY(model_version_id) REFERENCES model_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE promotion (
	promotion_id TEXT NOT NULL,
	model_version_id BIGINT NOT NULL,
	decision TEXT NOT NULL,
	reason TEXT NOT NULL,
	decided_by TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT promotion_decision CHECK (decision IN ('promoted', 'refused', 'undecided', 'rolled_back')),
	UNIQUE (promotion_id),
	FOREIGN KEY(model_version_id) REFERENCES model_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_promotion_model_version_id ON promotion (model_version_id)
-- next
CREATE TABLE comparison (
	comparison_id TEXT NOT NULL,
	evaluation_id BIGINT NOT NULL,
	challenger_id BIGINT NOT NULL,
	reference_id BIGINT NOT NULL,
	metric TEXT NOT NULL,
	difference DOUBLE PRECISION,
	ci_low DOUBLE PRECISION,
	ci_high DOUBLE PRECISION,
	method TEXT NOT NULL,
	n_patients BIGINT NOT NULL,
	p_value DOUBLE PRECISION,
	holdout_looks BIGINT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (comparison_id),
	FOREIGN KEY(evaluation_id) REFERENCES evaluation (id),
	FOREIGN KEY(challenger_id) REFERENCES model_version (id),
	FOREIGN KEY(reference_id) REFERENCES model_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_comparison_evaluation_id ON comparison (evaluation_id)
-- next
CREATE TABLE evaluation_event (
	evaluation_id BIGINT NOT NULL,
	status TEXT NOT NULL,
	reason TEXT,
	n_image_predictions BIGINT NOT NULL,
	n_study_predictions BIGINT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(evaluation_id) REFERENCES evaluation (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_evaluation_event_evaluation_id ON evaluation_event (evaluation_id)
-- next
CREATE TABLE holdout_look (
	evaluation_id BIGINT NOT NULL,
	dataset_version_id BIGINT NOT NULL,
	session TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(evaluation_id) REFERENCES evaluation (id),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_holdout_look_dataset_version_id ON holdout_look (dataset_version_id)
-- next
CREATE INDEX ix_holdout_look_evaluation_id ON holdout_look (evaluation_id)
-- next
CREATE TABLE image_prediction (
	evaluation_id BIGINT NOT NULL,
	image_id BIGINT NOT NULL,
	split TEXT,
	label SMALLINT,
	raw_probability DOUBLE PRECISION NOT NULL,
	probability DOUBLE PRECISION,
	operating_point_id BIGINT,
	predicted_label SMALLINT,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (evaluation_id, image_id),
	CONSTRAINT image_prediction_split CHECK (split IN ('train', 'validation', 'test')),
	CONSTRAINT image_prediction_probability CHECK (raw_probability BETWEEN 0 AND 1 AND (probability IS NULL OR probability BETWEEN 0 AND 1)),
	FOREIGN KEY(evaluation_id) REFERENCES evaluation (id),
	FOREIGN KEY(image_id) REFERENCES image (id),
	FOREIGN KEY(operating_point_id) REFERENCES operating_point (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_image_prediction_entry ON image_prediction (entry)
-- next
CREATE INDEX ix_image_prediction_image_id ON image_prediction (image_id)
-- next
CREATE TABLE metric (
	evaluation_id BIGINT NOT NULL,
	split TEXT NOT NULL,
	level TEXT NOT NULL,
	subgroup TEXT NOT NULL,
	operating_point TEXT,
	metric TEXT NOT NULL,
	value DOUBLE PRECISION,
	ci_low DOUBLE PRECISION,
	ci_high DOUBLE PRECISION,
	n_images BIGINT NOT NULL,
	n_studies BIGINT NOT NULL,
	n_patients BIGINT NOT NULL,
	tp BIGINT,
	fp BIGINT,
	tn BIGINT,
	fn BIGINT,
	threshold DOUBLE PRECISION,
	n_resamples BIGINT NOT NULL,
	bootstrap_seed BIGINT,
	note TEXT,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT metric_split CHECK (split IN ('train', 'validation', 'test')),
	CONSTRAINT metric_level CHECK (level IN ('image', 'study')),
	FOREIGN KEY(evaluation_id) REFERENCES evaluation (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_metric_evaluation_id ON metric (evaluation_id)
-- next
CREATE TABLE study_prediction (
	evaluation_id BIGINT NOT NULL,
	study_id BIGINT NOT NULL,
	n_images BIGINT NOT NULL,
	split TEXT,
	label SMALLINT,
	raw_probability DOUBLE PRECISION NOT NULL,
	probability DOUBLE PRECISION,
	operating_point_id BIGINT,
	predicted_label SMALLINT,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (evaluation_id, study_id),
	CONSTRAINT study_prediction_split CHECK (split IN ('train', 'validation', 'test')),
	CONSTRAINT study_prediction_probability CHECK (raw_probability BETWEEN 0 AND 1 AND (probability IS NULL OR probability BETWEEN 0 AND 1)),
	FOREIGN KEY(evaluation_id) REFERENCES evaluation (id),
	FOREIGN KEY(study_id) REFERENCES study (id),
	FOREIGN KEY(operating_point_id) REFERENCES operating_point (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_study_prediction_entry ON study_prediction (entry)
-- next
CREATE INDEX ix_study_prediction_study_id ON study_prediction (study_id)
-- next
CREATE TABLE explanation (
	explanation_id TEXT NOT NULL,
	image_prediction_id BIGINT NOT NULL,
	method TEXT NOT NULL,
	path TEXT NOT NULL,
	file_sha256 TEXT NOT NULL,
	sanity_score DOUBLE PRECISION,
	border_share DOUBLE PRECISION,
	withheld SMALLINT NOT NULL,
	note TEXT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (explanation_id),
	FOREIGN KEY(image_prediction_id) REFERENCES image_prediction (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_explanation_image_prediction_id ON explanation (image_prediction_id)
-- next
CREATE TABLE promotion_comparison (
	promotion_id BIGINT NOT NULL,
	comparison_id BIGINT NOT NULL,
	id BIGINT NOT NULL,
	entry BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(promotion_id) REFERENCES promotion (id),
	FOREIGN KEY(comparison_id) REFERENCES comparison (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_promotion_comparison_promotion_id ON promotion_comparison (promotion_id)
-- next
CREATE FUNCTION wrist_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '% is append-only: corrections are new rows', TG_TABLE_NAME; END $$
-- next
CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_change
-- next
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_truncate
-- next
CREATE TRIGGER environment_no_change BEFORE UPDATE OR DELETE ON environment FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE environment ENABLE ALWAYS TRIGGER environment_no_change
-- next
CREATE TRIGGER environment_no_truncate BEFORE TRUNCATE ON environment FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE environment ENABLE ALWAYS TRIGGER environment_no_truncate
-- next
CREATE TRIGGER fact_no_change BEFORE UPDATE OR DELETE ON fact FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE fact ENABLE ALWAYS TRIGGER fact_no_change
-- next
CREATE TRIGGER fact_no_truncate BEFORE TRUNCATE ON fact FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE fact ENABLE ALWAYS TRIGGER fact_no_truncate
-- next
CREATE TRIGGER label_version_no_change BEFORE UPDATE OR DELETE ON label_version FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE label_version ENABLE ALWAYS TRIGGER label_version_no_change
-- next
CREATE TRIGGER label_version_no_truncate BEFORE TRUNCATE ON label_version FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE label_version ENABLE ALWAYS TRIGGER label_version_no_truncate
-- next
CREATE TRIGGER patient_no_change BEFORE UPDATE OR DELETE ON patient FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE patient ENABLE ALWAYS TRIGGER patient_no_change
-- next
CREATE TRIGGER patient_no_truncate BEFORE TRUNCATE ON patient FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE patient ENABLE ALWAYS TRIGGER patient_no_truncate
-- next
CREATE TRIGGER recipe_no_change BEFORE UPDATE OR DELETE ON recipe FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE recipe ENABLE ALWAYS TRIGGER recipe_no_change
-- next
CREATE TRIGGER recipe_no_truncate BEFORE TRUNCATE ON recipe FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE recipe ENABLE ALWAYS TRIGGER recipe_no_truncate
-- next
CREATE TRIGGER stage_cost_no_change BEFORE UPDATE OR DELETE ON stage_cost FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE stage_cost ENABLE ALWAYS TRIGGER stage_cost_no_change
-- next
CREATE TRIGGER stage_cost_no_truncate BEFORE TRUNCATE ON stage_cost FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE stage_cost ENABLE ALWAYS TRIGGER stage_cost_no_truncate
-- next
CREATE TRIGGER dataset_version_no_change BEFORE UPDATE OR DELETE ON dataset_version FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE dataset_version ENABLE ALWAYS TRIGGER dataset_version_no_change
-- next
CREATE TRIGGER dataset_version_no_truncate BEFORE TRUNCATE ON dataset_version FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE dataset_version ENABLE ALWAYS TRIGGER dataset_version_no_truncate
-- next
CREATE TRIGGER ingest_run_no_change BEFORE UPDATE OR DELETE ON ingest_run FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE ingest_run ENABLE ALWAYS TRIGGER ingest_run_no_change
-- next
CREATE TRIGGER ingest_run_no_truncate BEFORE TRUNCATE ON ingest_run FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE ingest_run ENABLE ALWAYS TRIGGER ingest_run_no_truncate
-- next
CREATE TRIGGER study_no_change BEFORE UPDATE OR DELETE ON study FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE study ENABLE ALWAYS TRIGGER study_no_change
-- next
CREATE TRIGGER study_no_truncate BEFORE TRUNCATE ON study FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE study ENABLE ALWAYS TRIGGER study_no_truncate
-- next
CREATE TRIGGER dataset_patient_no_change BEFORE UPDATE OR DELETE ON dataset_patient FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE dataset_patient ENABLE ALWAYS TRIGGER dataset_patient_no_change
-- next
CREATE TRIGGER dataset_patient_no_truncate BEFORE TRUNCATE ON dataset_patient FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE dataset_patient ENABLE ALWAYS TRIGGER dataset_patient_no_truncate
-- next
CREATE TRIGGER dataset_pixels_no_change BEFORE UPDATE OR DELETE ON dataset_pixels FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE dataset_pixels ENABLE ALWAYS TRIGGER dataset_pixels_no_change
-- next
CREATE TRIGGER dataset_pixels_no_truncate BEFORE TRUNCATE ON dataset_pixels FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE dataset_pixels ENABLE ALWAYS TRIGGER dataset_pixels_no_truncate
-- next
CREATE TRIGGER image_no_change BEFORE UPDATE OR DELETE ON image FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE image ENABLE ALWAYS TRIGGER image_no_change
-- next
CREATE TRIGGER image_no_truncate BEFORE TRUNCATE ON image FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE image ENABLE ALWAYS TRIGGER image_no_truncate
-- next
CREATE TRIGGER ingest_event_no_change BEFORE UPDATE OR DELETE ON ingest_event FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE ingest_event ENABLE ALWAYS TRIGGER ingest_event_no_change
-- next
CREATE TRIGGER ingest_event_no_truncate BEFORE TRUNCATE ON ingest_event FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE ingest_event ENABLE ALWAYS TRIGGER ingest_event_no_truncate
-- next
CREATE TRIGGER label_no_change BEFORE UPDATE OR DELETE ON label FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE label ENABLE ALWAYS TRIGGER label_no_change
-- next
CREATE TRIGGER label_no_truncate BEFORE TRUNCATE ON label FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE label ENABLE ALWAYS TRIGGER label_no_truncate
-- next
CREATE TRIGGER leak_demonstration_no_change BEFORE UPDATE OR DELETE ON leak_demonstration FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE leak_demonstration ENABLE ALWAYS TRIGGER leak_demonstration_no_change
-- next
CREATE TRIGGER leak_demonstration_no_truncate BEFORE TRUNCATE ON leak_demonstration FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE leak_demonstration ENABLE ALWAYS TRIGGER leak_demonstration_no_truncate
-- next
CREATE TRIGGER quarantined_file_no_change BEFORE UPDATE OR DELETE ON quarantined_file FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE quarantined_file ENABLE ALWAYS TRIGGER quarantined_file_no_change
-- next
CREATE TRIGGER quarantined_file_no_truncate BEFORE TRUNCATE ON quarantined_file FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE quarantined_file ENABLE ALWAYS TRIGGER quarantined_file_no_truncate
-- next
CREATE TRIGGER report_no_change BEFORE UPDATE OR DELETE ON report FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE report ENABLE ALWAYS TRIGGER report_no_change
-- next
CREATE TRIGGER report_no_truncate BEFORE TRUNCATE ON report FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE report ENABLE ALWAYS TRIGGER report_no_truncate
-- next
CREATE TRIGGER training_run_no_change BEFORE UPDATE OR DELETE ON training_run FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE training_run ENABLE ALWAYS TRIGGER training_run_no_change
-- next
CREATE TRIGGER training_run_no_truncate BEFORE TRUNCATE ON training_run FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE training_run ENABLE ALWAYS TRIGGER training_run_no_truncate
-- next
CREATE TRIGGER tuning_trial_no_change BEFORE UPDATE OR DELETE ON tuning_trial FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE tuning_trial ENABLE ALWAYS TRIGGER tuning_trial_no_change
-- next
CREATE TRIGGER tuning_trial_no_truncate BEFORE TRUNCATE ON tuning_trial FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE tuning_trial ENABLE ALWAYS TRIGGER tuning_trial_no_truncate
-- next
CREATE TRIGGER dataset_member_no_change BEFORE UPDATE OR DELETE ON dataset_member FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE dataset_member ENABLE ALWAYS TRIGGER dataset_member_no_change
-- next
CREATE TRIGGER dataset_member_no_truncate BEFORE TRUNCATE ON dataset_member FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE dataset_member ENABLE ALWAYS TRIGGER dataset_member_no_truncate
-- next
CREATE TRIGGER exclusion_no_change BEFORE UPDATE OR DELETE ON exclusion FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE exclusion ENABLE ALWAYS TRIGGER exclusion_no_change
-- next
CREATE TRIGGER exclusion_no_truncate BEFORE TRUNCATE ON exclusion FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE exclusion ENABLE ALWAYS TRIGGER exclusion_no_truncate
-- next
CREATE TRIGGER model_version_no_change BEFORE UPDATE OR DELETE ON model_version FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE model_version ENABLE ALWAYS TRIGGER model_version_no_change
-- next
CREATE TRIGGER model_version_no_truncate BEFORE TRUNCATE ON model_version FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE model_version ENABLE ALWAYS TRIGGER model_version_no_truncate
-- next
CREATE TRIGGER near_duplicate_no_change BEFORE UPDATE OR DELETE ON near_duplicate FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE near_duplicate ENABLE ALWAYS TRIGGER near_duplicate_no_change
-- next
CREATE TRIGGER near_duplicate_no_truncate BEFORE TRUNCATE ON near_duplicate FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE near_duplicate ENABLE ALWAYS TRIGGER near_duplicate_no_truncate
-- next
CREATE TRIGGER training_epoch_no_change BEFORE UPDATE OR DELETE ON training_epoch FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE training_epoch ENABLE ALWAYS TRIGGER training_epoch_no_change
-- next
CREATE TRIGGER training_epoch_no_truncate BEFORE TRUNCATE ON training_epoch FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE training_epoch ENABLE ALWAYS TRIGGER training_epoch_no_truncate
-- next
CREATE TRIGGER training_event_no_change BEFORE UPDATE OR DELETE ON training_event FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE training_event ENABLE ALWAYS TRIGGER training_event_no_change
-- next
CREATE TRIGGER training_event_no_truncate BEFORE TRUNCATE ON training_event FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE training_event ENABLE ALWAYS TRIGGER training_event_no_truncate
-- next
CREATE TRIGGER drift_check_no_change BEFORE UPDATE OR DELETE ON drift_check FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE drift_check ENABLE ALWAYS TRIGGER drift_check_no_change
-- next
CREATE TRIGGER drift_check_no_truncate BEFORE TRUNCATE ON drift_check FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE drift_check ENABLE ALWAYS TRIGGER drift_check_no_truncate
-- next
CREATE TRIGGER evaluation_no_change BEFORE UPDATE OR DELETE ON evaluation FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE evaluation ENABLE ALWAYS TRIGGER evaluation_no_change
-- next
CREATE TRIGGER evaluation_no_truncate BEFORE TRUNCATE ON evaluation FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE evaluation ENABLE ALWAYS TRIGGER evaluation_no_truncate
-- next
CREATE TRIGGER model_member_no_change BEFORE UPDATE OR DELETE ON model_member FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE model_member ENABLE ALWAYS TRIGGER model_member_no_change
-- next
CREATE TRIGGER model_member_no_truncate BEFORE TRUNCATE ON model_member FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE model_member ENABLE ALWAYS TRIGGER model_member_no_truncate
-- next
CREATE TRIGGER operating_point_no_change BEFORE UPDATE OR DELETE ON operating_point FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE operating_point ENABLE ALWAYS TRIGGER operating_point_no_change
-- next
CREATE TRIGGER operating_point_no_truncate BEFORE TRUNCATE ON operating_point FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE operating_point ENABLE ALWAYS TRIGGER operating_point_no_truncate
-- next
CREATE TRIGGER promotion_no_change BEFORE UPDATE OR DELETE ON promotion FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE promotion ENABLE ALWAYS TRIGGER promotion_no_change
-- next
CREATE TRIGGER promotion_no_truncate BEFORE TRUNCATE ON promotion FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE promotion ENABLE ALWAYS TRIGGER promotion_no_truncate
-- next
CREATE TRIGGER comparison_no_change BEFORE UPDATE OR DELETE ON comparison FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE comparison ENABLE ALWAYS TRIGGER comparison_no_change
-- next
CREATE TRIGGER comparison_no_truncate BEFORE TRUNCATE ON comparison FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE comparison ENABLE ALWAYS TRIGGER comparison_no_truncate
-- next
CREATE TRIGGER evaluation_event_no_change BEFORE UPDATE OR DELETE ON evaluation_event FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE evaluation_event ENABLE ALWAYS TRIGGER evaluation_event_no_change
-- next
CREATE TRIGGER evaluation_event_no_truncate BEFORE TRUNCATE ON evaluation_event FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE evaluation_event ENABLE ALWAYS TRIGGER evaluation_event_no_truncate
-- next
CREATE TRIGGER holdout_look_no_change BEFORE UPDATE OR DELETE ON holdout_look FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE holdout_look ENABLE ALWAYS TRIGGER holdout_look_no_change
-- next
CREATE TRIGGER holdout_look_no_truncate BEFORE TRUNCATE ON holdout_look FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE holdout_look ENABLE ALWAYS TRIGGER holdout_look_no_truncate
-- next
CREATE TRIGGER image_prediction_no_change BEFORE UPDATE OR DELETE ON image_prediction FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE image_prediction ENABLE ALWAYS TRIGGER image_prediction_no_change
-- next
CREATE TRIGGER image_prediction_no_truncate BEFORE TRUNCATE ON image_prediction FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE image_prediction ENABLE ALWAYS TRIGGER image_prediction_no_truncate
-- next
CREATE TRIGGER metric_no_change BEFORE UPDATE OR DELETE ON metric FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE metric ENABLE ALWAYS TRIGGER metric_no_change
-- next
CREATE TRIGGER metric_no_truncate BEFORE TRUNCATE ON metric FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE metric ENABLE ALWAYS TRIGGER metric_no_truncate
-- next
CREATE TRIGGER study_prediction_no_change BEFORE UPDATE OR DELETE ON study_prediction FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE study_prediction ENABLE ALWAYS TRIGGER study_prediction_no_change
-- next
CREATE TRIGGER study_prediction_no_truncate BEFORE TRUNCATE ON study_prediction FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE study_prediction ENABLE ALWAYS TRIGGER study_prediction_no_truncate
-- next
CREATE TRIGGER explanation_no_change BEFORE UPDATE OR DELETE ON explanation FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE explanation ENABLE ALWAYS TRIGGER explanation_no_change
-- next
CREATE TRIGGER explanation_no_truncate BEFORE TRUNCATE ON explanation FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE explanation ENABLE ALWAYS TRIGGER explanation_no_truncate
-- next
CREATE TRIGGER promotion_comparison_no_change BEFORE UPDATE OR DELETE ON promotion_comparison FOR EACH ROW EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE promotion_comparison ENABLE ALWAYS TRIGGER promotion_comparison_no_change
-- next
CREATE TRIGGER promotion_comparison_no_truncate BEFORE TRUNCATE ON promotion_comparison FOR EACH STATEMENT EXECUTE FUNCTION wrist_append_only()
-- next
ALTER TABLE promotion_comparison ENABLE ALWAYS TRIGGER promotion_comparison_no_truncate
