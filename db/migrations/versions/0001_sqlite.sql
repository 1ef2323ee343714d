CREATE TABLE audit_entry (
	seq INTEGER NOT NULL,
	table_name TEXT NOT NULL,
	first_row INTEGER NOT NULL,
	last_row INTEGER NOT NULL,
	n_rows INTEGER NOT NULL,
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
	size INTEGER,
	mtime_ns INTEGER,
	file_sha256 TEXT,
	reason_code TEXT,
	PRIMARY KEY (root, path)
)
-- next
CREATE TABLE heartbeat (
	run_id TEXT NOT NULL,
	at TEXT NOT NULL,
	host TEXT NOT NULL,
	pid INTEGER NOT NULL,
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
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (environment_sha256),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE fact (
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (name),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE label_version (
	version INTEGER NOT NULL,
	note TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (version),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE patient (
	patient_key TEXT NOT NULL,
	patient_known SMALLINT NOT NULL,
	split TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (recipe_sha256),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE stage_cost (
	flow TEXT NOT NULL,
	run_id TEXT,
	stage TEXT NOT NULL,
	wall_seconds DOUBLE NOT NULL,
	cpu_seconds DOUBLE,
	peak_bytes INTEGER,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_stage_cost_flow ON stage_cost (flow)
-- next
CREATE TABLE dataset_version (
	dataset_id TEXT NOT NULL,
	manifest_sha256 TEXT NOT NULL,
	label_version INTEGER NOT NULL,
	n_patients INTEGER NOT NULL,
	n_studies INTEGER NOT NULL,
	n_images INTEGER NOT NULL,
	guard_status TEXT NOT NULL,
	guard TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	environment_id INTEGER,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (ingest_run_id),
	FOREIGN KEY(environment_id) REFERENCES environment (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE study (
	study_uid TEXT NOT NULL,
	patient_id INTEGER NOT NULL,
	source TEXT NOT NULL,
	body_part TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	dataset_version_id INTEGER NOT NULL,
	patient_id INTEGER NOT NULL,
	split TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	dataset_version_id INTEGER NOT NULL,
	pixel_sha256 TEXT NOT NULL,
	split TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (dataset_version_id, pixel_sha256),
	UNIQUE (dataset_version_id, pixel_sha256, split),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE image (
	image_uid TEXT NOT NULL,
	study_id INTEGER NOT NULL,
	patient_id INTEGER NOT NULL,
	ingest_run_id INTEGER NOT NULL,
	path TEXT NOT NULL,
	format TEXT NOT NULL,
	frame INTEGER NOT NULL,
	file_sha256 TEXT NOT NULL,
	file_size INTEGER NOT NULL,
	pixel_sha256 TEXT NOT NULL,
	rows INTEGER NOT NULL,
	columns INTEGER NOT NULL,
	photometric TEXT NOT NULL,
	inverted SMALLINT NOT NULL,
	multi_view SMALLINT NOT NULL,
	"view" TEXT,
	hardware SMALLINT,
	sex TEXT,
	age INTEGER,
	burned_in SMALLINT,
	manufacturer_key TEXT,
	perceptual_hash TEXT,
	mean_intensity DOUBLE,
	decode_steps TEXT NOT NULL,
	extra TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	ingest_run_id INTEGER NOT NULL,
	status TEXT NOT NULL,
	reason TEXT,
	n_new INTEGER NOT NULL,
	n_unchanged INTEGER NOT NULL,
	n_changed INTEGER NOT NULL,
	n_filtered INTEGER NOT NULL,
	n_ignored INTEGER NOT NULL,
	n_quarantined INTEGER NOT NULL,
	seconds DOUBLE,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(ingest_run_id) REFERENCES ingest_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_ingest_event_ingest_run_id ON ingest_event (ingest_run_id)
-- next
CREATE TABLE label (
	label_version INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	label SMALLINT,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(label_version) REFERENCES label_version (version),
	UNIQUE (study_id, label_version),
	CONSTRAINT label_binary CHECK (label IN (0, 1)),
	FOREIGN KEY(study_id) REFERENCES study (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE leak_demonstration (
	dataset_version_id INTEGER NOT NULL,
	recipe_sha256 TEXT,
	architecture TEXT NOT NULL,
	protocol TEXT NOT NULL,
	metric TEXT NOT NULL,
	value DOUBLE,
	ci_low DOUBLE,
	ci_high DOUBLE,
	n_images INTEGER NOT NULL,
	n_patients INTEGER NOT NULL,
	note TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_leak_demonstration_dataset_version_id ON leak_demonstration (dataset_version_id)
-- next
CREATE TABLE quarantined_file (
	ingest_run_id INTEGER NOT NULL,
	root TEXT NOT NULL,
	path TEXT NOT NULL,
	file_sha256 TEXT,
	file_size INTEGER,
	reason_code TEXT NOT NULL,
	reason TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	dataset_version_id INTEGER,
	evaluation_ids TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (report_id),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE training_run (
	training_run_id TEXT NOT NULL,
	dataset_version_id INTEGER NOT NULL,
	recipe_id INTEGER NOT NULL,
	environment_id INTEGER NOT NULL,
	architecture TEXT NOT NULL,
	seed INTEGER NOT NULL,
	weights_source TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	trial INTEGER NOT NULL,
	architecture TEXT NOT NULL,
	learning_rate DOUBLE,
	batch_size INTEGER,
	value DOUBLE,
	state TEXT NOT NULL,
	seconds DOUBLE,
	parameters TEXT NOT NULL,
	dataset_version_id INTEGER,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (study_name, trial, state),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE dataset_member (
	dataset_version_id INTEGER NOT NULL,
	image_id INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	patient_id INTEGER NOT NULL,
	split TEXT NOT NULL,
	label SMALLINT,
	included SMALLINT NOT NULL,
	excluded_reason TEXT,
	pixel_guard TEXT,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	image_id INTEGER,
	study_id INTEGER,
	patient_id INTEGER,
	reason TEXT NOT NULL,
	undone SMALLINT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	image_id INTEGER NOT NULL,
	root TEXT NOT NULL,
	path TEXT NOT NULL,
	PRIMARY KEY (image_id),
	FOREIGN KEY(image_id) REFERENCES image (id)
)
-- next
CREATE TABLE model_version (
	model_version_id TEXT NOT NULL,
	architecture TEXT NOT NULL,
	training_run_id INTEGER,
	artifact_sha256 TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (model_version_id),
	FOREIGN KEY(training_run_id) REFERENCES training_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_model_version_training_run_id ON model_version (training_run_id)
-- next
CREATE TABLE near_duplicate (
	image_a_id INTEGER NOT NULL,
	image_b_id INTEGER NOT NULL,
	distance DOUBLE,
	correlation DOUBLE,
	confirmed SMALLINT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (image_a_id, image_b_id),
	CHECK (image_a_id < image_b_id),
	FOREIGN KEY(image_a_id) REFERENCES image (id),
	FOREIGN KEY(image_b_id) REFERENCES image (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE training_epoch (
	training_run_id INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	loss DOUBLE,
	accuracy DOUBLE,
	val_loss DOUBLE,
	val_accuracy DOUBLE,
	learning_rate DOUBLE,
	seconds DOUBLE,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (training_run_id, epoch),
	FOREIGN KEY(training_run_id) REFERENCES training_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE training_event (
	training_run_id INTEGER NOT NULL,
	status TEXT NOT NULL,
	reason TEXT,
	resumable SMALLINT NOT NULL,
	weights_source TEXT,
	weights_sha256 TEXT,
	best_epoch INTEGER,
	seconds DOUBLE,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(training_run_id) REFERENCES training_run (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_training_event_training_run_id ON training_event (training_run_id)
-- next
CREATE TABLE drift_check (
	drift_id TEXT NOT NULL,
	model_version_id INTEGER,
	feature TEXT NOT NULL,
	statistic DOUBLE,
	p_value DOUBLE,
	p_adjusted DOUBLE,
	psi DOUBLE,
	alert SMALLINT NOT NULL,
	n_reference INTEGER NOT NULL,
	n_current INTEGER NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	model_version_id INTEGER NOT NULL,
	dataset_version_id INTEGER,
	label_version INTEGER NOT NULL,
	recipe_id INTEGER,
	environment_id INTEGER NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	model_version_id INTEGER NOT NULL,
	member_id INTEGER NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (model_version_id, member_id),
	FOREIGN KEY(model_version_id) REFERENCES model_version (id),
	FOREIGN KEY(member_id) REFERENCES model_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE operating_point (
	model_version_id INTEGER NOT NULL,
	level TEXT NOT NULL,
	name TEXT NOT NULL,
	threshold DOUBLE NOT NULL,
	target DOUBLE,
	slope DOUBLE NOT NULL,
	intercept DOUBLE NOT NULL,
	serving SMALLINT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (model_version_id, level, name),
	CONSTRAINT point_level CHECK (level IN ('image', 'study')),
	FOREIGN KEY(model_version_id) REFERENCES model_version (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE TABLE promotion (
	promotion_id TEXT NOT NULL,
	model_version_id INTEGER NOT NULL,
	decision TEXT NOT NULL,
	reason TEXT NOT NULL,
	decided_by TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	evaluation_id INTEGER NOT NULL,
	challenger_id INTEGER NOT NULL,
	reference_id INTEGER NOT NULL,
	metric TEXT NOT NULL,
	difference DOUBLE,
	ci_low DOUBLE,
	ci_high DOUBLE,
	method TEXT NOT NULL,
	n_patients INTEGER NOT NULL,
	p_value DOUBLE,
	holdout_looks INTEGER NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	evaluation_id INTEGER NOT NULL,
	status TEXT NOT NULL,
	reason TEXT,
	n_image_predictions INTEGER NOT NULL,
	n_study_predictions INTEGER NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(evaluation_id) REFERENCES evaluation (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_evaluation_event_evaluation_id ON evaluation_event (evaluation_id)
-- next
CREATE TABLE holdout_look (
	evaluation_id INTEGER NOT NULL,
	dataset_version_id INTEGER NOT NULL,
	session TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	evaluation_id INTEGER NOT NULL,
	image_id INTEGER NOT NULL,
	split TEXT,
	label SMALLINT,
	raw_probability DOUBLE NOT NULL,
	probability DOUBLE,
	operating_point_id INTEGER,
	predicted_label SMALLINT,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	evaluation_id INTEGER NOT NULL,
	split TEXT NOT NULL,
	level TEXT NOT NULL,
	subgroup TEXT NOT NULL,
	operating_point TEXT,
	metric TEXT NOT NULL,
	value DOUBLE,
	ci_low DOUBLE,
	ci_high DOUBLE,
	n_images INTEGER NOT NULL,
	n_studies INTEGER NOT NULL,
	n_patients INTEGER NOT NULL,
	tp INTEGER,
	fp INTEGER,
	tn INTEGER,
	fn INTEGER,
	threshold DOUBLE,
	n_resamples INTEGER NOT NULL,
	bootstrap_seed INTEGER,
	note TEXT,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	evaluation_id INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	n_images INTEGER NOT NULL,
	split TEXT,
	label SMALLINT,
	raw_probability DOUBLE NOT NULL,
	probability DOUBLE,
	operating_point_id INTEGER,
	predicted_label SMALLINT,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
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
	image_prediction_id INTEGER NOT NULL,
	method TEXT NOT NULL,
	path TEXT NOT NULL,
	file_sha256 TEXT NOT NULL,
	sanity_score DOUBLE,
	border_share DOUBLE,
	withheld SMALLINT NOT NULL,
	note TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (explanation_id),
	FOREIGN KEY(image_prediction_id) REFERENCES image_prediction (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_explanation_image_prediction_id ON explanation (image_prediction_id)
-- next
CREATE TABLE promotion_comparison (
	promotion_id INTEGER NOT NULL,
	comparison_id INTEGER NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(promotion_id) REFERENCES promotion (id),
	FOREIGN KEY(comparison_id) REFERENCES comparison (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
)
-- next
CREATE INDEX ix_promotion_comparison_promotion_id ON promotion_comparison (promotion_id)
-- next
CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER audit_entry_no_insert BEFORE INSERT ON audit_entry FOR EACH ROW WHEN NEW.seq <= (SELECT coalesce(max(seq), 0) FROM audit_entry) BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER environment_no_update BEFORE UPDATE ON environment FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'environment is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER environment_no_delete BEFORE DELETE ON environment FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'environment is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER environment_no_insert BEFORE INSERT ON environment FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM environment) OR EXISTS (SELECT 1 FROM environment WHERE environment_sha256 = NEW.environment_sha256) BEGIN SELECT RAISE(ABORT, 'environment is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER fact_no_update BEFORE UPDATE ON fact FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'fact is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER fact_no_delete BEFORE DELETE ON fact FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'fact is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER fact_no_insert BEFORE INSERT ON fact FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM fact) OR EXISTS (SELECT 1 FROM fact WHERE name = NEW.name) BEGIN SELECT RAISE(ABORT, 'fact is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER label_version_no_update BEFORE UPDATE ON label_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'label_version is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER label_version_no_delete BEFORE DELETE ON label_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'label_version is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER label_version_no_insert BEFORE INSERT ON label_version FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM label_version) OR EXISTS (SELECT 1 FROM label_version WHERE version = NEW.version) BEGIN SELECT RAISE(ABORT, 'label_version is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER patient_no_update BEFORE UPDATE ON patient FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'patient is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER patient_no_delete BEFORE DELETE ON patient FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'patient is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER patient_no_insert BEFORE INSERT ON patient FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM patient) OR EXISTS (SELECT 1 FROM patient WHERE patient_key = NEW.patient_key) BEGIN SELECT RAISE(ABORT, 'patient is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER recipe_no_update BEFORE UPDATE ON recipe FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'recipe is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER recipe_no_delete BEFORE DELETE ON recipe FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'recipe is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER recipe_no_insert BEFORE INSERT ON recipe FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM recipe) OR EXISTS (SELECT 1 FROM recipe WHERE recipe_sha256 = NEW.recipe_sha256) BEGIN SELECT RAISE(ABORT, 'recipe is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER stage_cost_no_update BEFORE UPDATE ON stage_cost FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'stage_cost is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER stage_cost_no_delete BEFORE DELETE ON stage_cost FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'stage_cost is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER stage_cost_no_insert BEFORE INSERT ON stage_cost FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM stage_cost) BEGIN SELECT RAISE(ABORT, 'stage_cost is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_version_no_update BEFORE UPDATE ON dataset_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_version is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_version_no_delete BEFORE DELETE ON dataset_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_version is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_version_no_insert BEFORE INSERT ON dataset_version FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM dataset_version) OR EXISTS (SELECT 1 FROM dataset_version WHERE dataset_id = NEW.dataset_id) OR EXISTS (SELECT 1 FROM dataset_version WHERE manifest_sha256 = NEW.manifest_sha256) BEGIN SELECT RAISE(ABORT, 'dataset_version is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER ingest_run_no_update BEFORE UPDATE ON ingest_run FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'ingest_run is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER ingest_run_no_delete BEFORE DELETE ON ingest_run FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'ingest_run is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER ingest_run_no_insert BEFORE INSERT ON ingest_run FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM ingest_run) OR EXISTS (SELECT 1 FROM ingest_run WHERE ingest_run_id = NEW.ingest_run_id) BEGIN SELECT RAISE(ABORT, 'ingest_run is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER study_no_update BEFORE UPDATE ON study FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'study is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER study_no_delete BEFORE DELETE ON study FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'study is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER study_no_insert BEFORE INSERT ON study FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM study) OR EXISTS (SELECT 1 FROM study WHERE study_uid = NEW.study_uid) BEGIN SELECT RAISE(ABORT, 'study is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_patient_no_update BEFORE UPDATE ON dataset_patient FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_patient is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_patient_no_delete BEFORE DELETE ON dataset_patient FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_patient is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_patient_no_insert BEFORE INSERT ON dataset_patient FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM dataset_patient) OR EXISTS (SELECT 1 FROM dataset_patient WHERE dataset_version_id = NEW.dataset_version_id AND patient_id = NEW.patient_id) OR EXISTS (SELECT 1 FROM dataset_patient WHERE dataset_version_id = NEW.dataset_version_id AND patient_id = NEW.patient_id AND split = NEW.split) BEGIN SELECT RAISE(ABORT, 'dataset_patient is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_pixels_no_update BEFORE UPDATE ON dataset_pixels FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_pixels is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_pixels_no_delete BEFORE DELETE ON dataset_pixels FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_pixels is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_pixels_no_insert BEFORE INSERT ON dataset_pixels FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM dataset_pixels) OR EXISTS (SELECT 1 FROM dataset_pixels WHERE dataset_version_id = NEW.dataset_version_id AND pixel_sha256 = NEW.pixel_sha256) OR EXISTS (SELECT 1 FROM dataset_pixels WHERE dataset_version_id = NEW.dataset_version_id AND pixel_sha256 = NEW.pixel_sha256 AND split = NEW.split) BEGIN SELECT RAISE(ABORT, 'dataset_pixels is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER image_no_update BEFORE UPDATE ON image FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'image is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER image_no_delete BEFORE DELETE ON image FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'image is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER image_no_insert BEFORE INSERT ON image FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM image) OR EXISTS (SELECT 1 FROM image WHERE image_uid = NEW.image_uid) BEGIN SELECT RAISE(ABORT, 'image is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER ingest_event_no_update BEFORE UPDATE ON ingest_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'ingest_event is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER ingest_event_no_delete BEFORE DELETE ON ingest_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'ingest_event is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER ingest_event_no_insert BEFORE INSERT ON ingest_event FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM ingest_event) BEGIN SELECT RAISE(ABORT, 'ingest_event is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER label_no_update BEFORE UPDATE ON label FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'label is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER label_no_delete BEFORE DELETE ON label FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'label is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER label_no_insert BEFORE INSERT ON label FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM label) OR EXISTS (SELECT 1 FROM label WHERE study_id = NEW.study_id AND label_version = NEW.label_version) BEGIN SELECT RAISE(ABORT, 'label is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER leak_demonstration_no_update BEFORE UPDATE ON leak_demonstration FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'leak_demonstration is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER leak_demonstration_no_delete BEFORE DELETE ON leak_demonstration FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'leak_demonstration is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER leak_demonstration_no_insert BEFORE INSERT ON leak_demonstration FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM leak_demonstration) BEGIN SELECT RAISE(ABORT, 'leak_demonstration is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER quarantined_file_no_update BEFORE UPDATE ON quarantined_file FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'quarantined_file is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER quarantined_file_no_delete BEFORE DELETE ON quarantined_file FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'quarantined_file is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER quarantined_file_no_insert BEFORE INSERT ON quarantined_file FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM quarantined_file) BEGIN SELECT RAISE(ABORT, 'quarantined_file is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER report_no_update BEFORE UPDATE ON report FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'report is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER report_no_delete BEFORE DELETE ON report FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'report is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER report_no_insert BEFORE INSERT ON report FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM report) OR EXISTS (SELECT 1 FROM report WHERE report_id = NEW.report_id) BEGIN SELECT RAISE(ABORT, 'report is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER training_run_no_update BEFORE UPDATE ON training_run FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_run is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER training_run_no_delete BEFORE DELETE ON training_run FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_run is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER training_run_no_insert BEFORE INSERT ON training_run FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM training_run) OR EXISTS (SELECT 1 FROM training_run WHERE training_run_id = NEW.training_run_id) BEGIN SELECT RAISE(ABORT, 'training_run is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER tuning_trial_no_update BEFORE UPDATE ON tuning_trial FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tuning_trial is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER tuning_trial_no_delete BEFORE DELETE ON tuning_trial FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tuning_trial is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER tuning_trial_no_insert BEFORE INSERT ON tuning_trial FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM tuning_trial) OR EXISTS (SELECT 1 FROM tuning_trial WHERE study_name = NEW.study_name AND trial = NEW.trial AND state = NEW.state) BEGIN SELECT RAISE(ABORT, 'tuning_trial is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_member_no_update BEFORE UPDATE ON dataset_member FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_member is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_member_no_delete BEFORE DELETE ON dataset_member FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_member is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER dataset_member_no_insert BEFORE INSERT ON dataset_member FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM dataset_member) OR EXISTS (SELECT 1 FROM dataset_member WHERE dataset_version_id = NEW.dataset_version_id AND image_id = NEW.image_id) BEGIN SELECT RAISE(ABORT, 'dataset_member is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER exclusion_no_update BEFORE UPDATE ON exclusion FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'exclusion is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER exclusion_no_delete BEFORE DELETE ON exclusion FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'exclusion is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER exclusion_no_insert BEFORE INSERT ON exclusion FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM exclusion) BEGIN SELECT RAISE(ABORT, 'exclusion is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER model_version_no_update BEFORE UPDATE ON model_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'model_version is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER model_version_no_delete BEFORE DELETE ON model_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'model_version is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER model_version_no_insert BEFORE INSERT ON model_version FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM model_version) OR EXISTS (SELECT 1 FROM model_version WHERE model_version_id = NEW.model_version_id) BEGIN SELECT RAISE(ABORT, 'model_version is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER near_duplicate_no_update BEFORE UPDATE ON near_duplicate FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'near_duplicate is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER near_duplicate_no_delete BEFORE DELETE ON near_duplicate FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'near_duplicate is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER near_duplicate_no_insert BEFORE INSERT ON near_duplicate FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM near_duplicate) OR EXISTS (SELECT 1 FROM near_duplicate WHERE image_a_id = NEW.image_a_id AND image_b_id = NEW.image_b_id) BEGIN SELECT RAISE(ABORT, 'near_duplicate is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER training_epoch_no_update BEFORE UPDATE ON training_epoch FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_epoch is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER training_epoch_no_delete BEFORE DELETE ON training_epoch FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_epoch is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER training_epoch_no_insert BEFORE INSERT ON training_epoch FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM training_epoch) OR EXISTS (SELECT 1 FROM training_epoch WHERE training_run_id = NEW.training_run_id AND epoch = NEW.epoch) BEGIN SELECT RAISE(ABORT, 'training_epoch is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER training_event_no_update BEFORE UPDATE ON training_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_event is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER training_event_no_delete BEFORE DELETE ON training_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_event is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER training_event_no_insert BEFORE INSERT ON training_event FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM training_event) BEGIN SELECT RAISE(ABORT, 'training_event is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER drift_check_no_update BEFORE UPDATE ON drift_check FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'drift_check is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER drift_check_no_delete BEFORE DELETE ON drift_check FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'drift_check is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER drift_check_no_insert BEFORE INSERT ON drift_check FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM drift_check) BEGIN SELECT RAISE(ABORT, 'drift_check is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER evaluation_no_update BEFORE UPDATE ON evaluation FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'evaluation is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER evaluation_no_delete BEFORE DELETE ON evaluation FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'evaluation is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER evaluation_no_insert BEFORE INSERT ON evaluation FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM evaluation) OR EXISTS (SELECT 1 FROM evaluation WHERE evaluation_id = NEW.evaluation_id) BEGIN SELECT RAISE(ABORT, 'evaluation is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER model_member_no_update BEFORE UPDATE ON model_member FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'model_member is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER model_member_no_delete BEFORE DELETE ON model_member FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'model_member is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER model_member_no_insert BEFORE INSERT ON model_member FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM model_member) OR EXISTS (SELECT 1 FROM model_member WHERE model_version_id = NEW.model_version_id AND member_id = NEW.member_id) BEGIN SELECT RAISE(ABORT, 'model_member is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER operating_point_no_update BEFORE UPDATE ON operating_point FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'operating_point is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER operating_point_no_delete BEFORE DELETE ON operating_point FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'operating_point is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER operating_point_no_insert BEFORE INSERT ON operating_point FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM operating_point) OR EXISTS (SELECT 1 FROM operating_point WHERE model_version_id = NEW.model_version_id AND level = NEW.level AND name = NEW.name) BEGIN SELECT RAISE(ABORT, 'operating_point is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER promotion_no_update BEFORE UPDATE ON promotion FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'promotion is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER promotion_no_delete BEFORE DELETE ON promotion FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'promotion is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER promotion_no_insert BEFORE INSERT ON promotion FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM promotion) OR EXISTS (SELECT 1 FROM promotion WHERE promotion_id = NEW.promotion_id) BEGIN SELECT RAISE(ABORT, 'promotion is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER comparison_no_update BEFORE UPDATE ON comparison FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'comparison is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER comparison_no_delete BEFORE DELETE ON comparison FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'comparison is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER comparison_no_insert BEFORE INSERT ON comparison FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM comparison) OR EXISTS (SELECT 1 FROM comparison WHERE comparison_id = NEW.comparison_id) BEGIN SELECT RAISE(ABORT, 'comparison is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER evaluation_event_no_update BEFORE UPDATE ON evaluation_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'evaluation_event is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER evaluation_event_no_delete BEFORE DELETE ON evaluation_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'evaluation_event is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER evaluation_event_no_insert BEFORE INSERT ON evaluation_event FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM evaluation_event) BEGIN SELECT RAISE(ABORT, 'evaluation_event is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER holdout_look_no_update BEFORE UPDATE ON holdout_look FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'holdout_look is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER holdout_look_no_delete BEFORE DELETE ON holdout_look FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'holdout_look is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER holdout_look_no_insert BEFORE INSERT ON holdout_look FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM holdout_look) BEGIN SELECT RAISE(ABORT, 'holdout_look is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER image_prediction_no_update BEFORE UPDATE ON image_prediction FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'image_prediction is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER image_prediction_no_delete BEFORE DELETE ON image_prediction FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'image_prediction is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER image_prediction_no_insert BEFORE INSERT ON image_prediction FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM image_prediction) OR EXISTS (SELECT 1 FROM image_prediction WHERE evaluation_id = NEW.evaluation_id AND image_id = NEW.image_id) BEGIN SELECT RAISE(ABORT, 'image_prediction is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER metric_no_update BEFORE UPDATE ON metric FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'metric is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER metric_no_delete BEFORE DELETE ON metric FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'metric is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER metric_no_insert BEFORE INSERT ON metric FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM metric) BEGIN SELECT RAISE(ABORT, 'metric is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER study_prediction_no_update BEFORE UPDATE ON study_prediction FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'study_prediction is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER study_prediction_no_delete BEFORE DELETE ON study_prediction FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'study_prediction is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER study_prediction_no_insert BEFORE INSERT ON study_prediction FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM study_prediction) OR EXISTS (SELECT 1 FROM study_prediction WHERE evaluation_id = NEW.evaluation_id AND study_id = NEW.study_id) BEGIN SELECT RAISE(ABORT, 'study_prediction is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER explanation_no_update BEFORE UPDATE ON explanation FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'explanation is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER explanation_no_delete BEFORE DELETE ON explanation FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'explanation is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER explanation_no_insert BEFORE INSERT ON explanation FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM explanation) OR EXISTS (SELECT 1 FROM explanation WHERE explanation_id = NEW.explanation_id) BEGIN SELECT RAISE(ABORT, 'explanation is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER promotion_comparison_no_update BEFORE UPDATE ON promotion_comparison FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'promotion_comparison is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER promotion_comparison_no_delete BEFORE DELETE ON promotion_comparison FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'promotion_comparison is append-only: corrections are new rows'); END
-- next
CREATE TRIGGER promotion_comparison_no_insert BEFORE INSERT ON promotion_comparison FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM promotion_comparison) BEGIN SELECT RAISE(ABORT, 'promotion_comparison is append-only: corrections are new rows'); END
