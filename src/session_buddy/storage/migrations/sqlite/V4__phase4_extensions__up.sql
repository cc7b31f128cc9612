-- V4: real-time monitoring, cross-session learning, experiments, multi-modal skills.
-- Purely additive to V1-V3.

------------------------------------------------------------------ 1. real-time monitoring

-- What was true at updated_at. v_realtime_skill_dashboard gives what is true now.
CREATE TABLE skill_metrics_cache (
    skill_name TEXT PRIMARY KEY,
    last_invocation_at TEXT NOT NULL,
    invocation_count_1h INTEGER DEFAULT 0 CHECK (invocation_count_1h >= 0),
    invocation_count_24h INTEGER DEFAULT 0 CHECK (invocation_count_24h >= 0),
    avg_completion_rate_24h REAL CHECK (avg_completion_rate_24h BETWEEN 0 AND 1),
    is_anomalous INTEGER DEFAULT 0 CHECK (is_anomalous IN (0, 1)),
    anomaly_score REAL,
    updated_at TEXT NOT NULL
) STRICT;

-- Buckets of one minute for the last two days, each with the sums of the buckets before it:
-- a window's count is the difference of two sums, whatever the number of events or buckets
-- in it. Only differences of the sums mean anything; old buckets are dropped from the front.
CREATE TABLE skill_minute_buckets (
    skill_name TEXT NOT NULL,
    minute TEXT NOT NULL,
    invocation_count INTEGER NOT NULL DEFAULT 0 CHECK (invocation_count >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count >= 0),
    failed_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_count >= 0),
    invocations_before INTEGER NOT NULL DEFAULT 0,
    completed_before INTEGER NOT NULL DEFAULT 0,
    failed_before INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (skill_name, minute)
) STRICT, WITHOUT ROWID;

-- Buckets of one hour, for ever. The counts and sums beside the printed columns are what
-- the rates are made of, so that buckets can be added up exactly.
CREATE TABLE skill_time_series (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    skill_name TEXT NOT NULL,
    timestamp TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:00:00.000Z', timestamp) IS timestamp),
    invocation_count INTEGER DEFAULT 0 CHECK (invocation_count >= 0),
    completion_rate REAL CHECK (completion_rate BETWEEN 0 AND 1),
    avg_duration_seconds REAL CHECK (avg_duration_seconds >= 0),
    unique_sessions INTEGER DEFAULT 0 CHECK (unique_sessions >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count >= 0),
    failed_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_count >= 0),
    duration_ms_sum INTEGER NOT NULL DEFAULT 0 CHECK (duration_ms_sum >= 0),
    duration_count INTEGER NOT NULL DEFAULT 0 CHECK (duration_count >= 0)
) STRICT;

CREATE UNIQUE INDEX idx_time_series_skill_time ON skill_time_series (skill_name, timestamp DESC);

-- Buckets of one day (UTC), summed from the hours.
CREATE TABLE skill_day_buckets (
    skill_name TEXT NOT NULL,
    day TEXT NOT NULL,
    invocation_count INTEGER NOT NULL DEFAULT 0 CHECK (invocation_count >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count >= 0),
    failed_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_count >= 0),
    duration_ms_sum INTEGER NOT NULL DEFAULT 0 CHECK (duration_ms_sum >= 0),
    duration_count INTEGER NOT NULL DEFAULT 0 CHECK (duration_count >= 0),
    PRIMARY KEY (skill_name, day)
) STRICT, WITHOUT ROWID;

-- Durations by the bound under which they fall: histograms, and medians read from them. The last
-- bound, the largest whole number there is, stands for anything longer.
CREATE TABLE duration_bounds (le_ms INTEGER PRIMARY KEY) STRICT;

INSERT INTO duration_bounds (le_ms) VALUES
    (1), (2), (3), (5), (7), (10), (15), (20), (30), (50), (70), (100), (150), (200), (300), (500),
    (700), (1000), (1500), (2000), (3000), (5000), (7000), (10000), (15000), (20000), (30000),
    (50000), (70000), (100000), (150000), (200000), (300000), (500000), (700000), (1000000),
    (1500000), (2000000), (3000000), (5000000), (7000000), (10000000), (9223372036854775807);

CREATE TABLE skill_duration_counts (
    skill_name TEXT NOT NULL,
    le_ms INTEGER NOT NULL,
    invocation_count INTEGER NOT NULL DEFAULT 0 CHECK (invocation_count >= 0),
    PRIMARY KEY (skill_name, le_ms)
) STRICT, WITHOUT ROWID;

-- Which rows were completed by a later telling, the latest ten thousand: whoever follows the
-- event log finds new rows by their id, and these here.
CREATE TABLE invocation_update (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    invocation_id INTEGER NOT NULL
) STRICT;

CREATE TABLE skill_anomalies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    skill_name TEXT NOT NULL CHECK (trim(skill_name) <> ''),
    detected_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', detected_at, '+0 days') IS detected_at),
    anomaly_type TEXT NOT NULL CHECK (anomaly_type IN ('drop', 'spike', 'pattern_shift')),
    baseline_value REAL,
    observed_value REAL,
    deviation_score REAL,
    resolved_at TEXT CHECK (resolved_at IS NULL OR (resolved_at >= detected_at
        AND strftime('%Y-%m-%dT%H:%M:%fZ', resolved_at, '+0 days') IS resolved_at)),
    -- Of what, how bad, outside of which band, why in words, and who says so.
    metric TEXT CHECK (metric IN ('completion_rate', 'volume', 'duration')),
    severity TEXT CHECK (severity IN ('info', 'warning', 'critical')),
    band_low REAL,
    band_high REAL,
    reason TEXT,
    detector TEXT
) STRICT;

CREATE INDEX idx_anomalies_detected ON skill_anomalies (detected_at DESC);
CREATE INDEX idx_anomalies_skill_detected ON skill_anomalies (skill_name, detected_at DESC);

------------------------------------------------------------------ 2. cross-session learning

CREATE TABLE user_skill_metrics (
    user_id TEXT NOT NULL,
    skill_name TEXT NOT NULL,
    invocation_count INTEGER NOT NULL DEFAULT 0 CHECK (invocation_count >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count >= 0),
    failed_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_count >= 0),
    duration_ms_sum INTEGER NOT NULL DEFAULT 0 CHECK (duration_ms_sum >= 0),
    duration_count INTEGER NOT NULL DEFAULT 0 CHECK (duration_count >= 0),
    PRIMARY KEY (user_id, skill_name)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_user_skill_metrics_skill ON user_skill_metrics (skill_name);

-- Users, invocations, rates and phase follow every insert; the percentile, which depends
-- on all skills at once, is true as of the last refresh.
CREATE TABLE skill_community_baselines (
    skill_name TEXT PRIMARY KEY,
    total_users INTEGER DEFAULT 0 CHECK (total_users >= 0),
    total_invocations INTEGER DEFAULT 0 CHECK (total_invocations >= 0),
    global_completion_rate REAL CHECK (global_completion_rate BETWEEN 0 AND 1),
    global_avg_duration_seconds REAL CHECK (global_avg_duration_seconds >= 0),
    most_common_workflow_phase TEXT,
    effectiveness_percentile REAL CHECK (effectiveness_percentile BETWEEN 0 AND 100),
    last_updated TEXT NOT NULL
) STRICT;

-- One row a user, session and skill: invoked_at is the first use there, and completed tells
-- whether any use there completed.
CREATE TABLE skill_user_interactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL CHECK (user_id <> ''),
    session_id TEXT NOT NULL CHECK (session_id <> ''),
    skill_name TEXT NOT NULL CHECK (trim(skill_name) <> ''),
    invoked_at TEXT NOT NULL CHECK (invoked_at LIKE '____-__-__%' AND julianday(invoked_at) IS NOT NULL),
    completed INTEGER NOT NULL CHECK (completed IN (0, 1)),
    rating REAL CHECK (rating BETWEEN 1 AND 5),
    alternatives_considered TEXT CHECK (CASE
        WHEN json_valid(alternatives_considered) THEN json_type(alternatives_considered) = 'array'
        ELSE alternatives_considered IS NULL END)
) STRICT;

CREATE INDEX idx_interactions_user_time ON skill_user_interactions (user_id, invoked_at DESC);
CREATE INDEX idx_interactions_skill_completed ON skill_user_interactions (skill_name, completed);

CREATE TABLE skill_clusters (
    cluster_id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster_name TEXT NOT NULL CHECK (cluster_name <> ''),
    description TEXT,
    centroid_embedding BLOB CHECK (length(centroid_embedding) = 1536),
    created_at TEXT NOT NULL CHECK (created_at LIKE '____-__-__%' AND julianday(created_at) IS NOT NULL)
) STRICT;

CREATE TABLE skill_cluster_membership (
    skill_name TEXT NOT NULL CHECK (trim(skill_name) <> ''),
    cluster_id INTEGER NOT NULL REFERENCES skill_clusters (cluster_id) ON DELETE CASCADE,
    membership_score REAL CHECK (membership_score BETWEEN 0 AND 1),
    PRIMARY KEY (skill_name, cluster_id)
) STRICT;

CREATE INDEX idx_cluster_membership_cluster ON skill_cluster_membership (cluster_id, membership_score DESC);

-- What other installations told of their users in sum. Of one that tells again the last word counts.
CREATE TABLE community_publishers (
    publisher TEXT PRIMARY KEY CHECK (publisher <> ''),          -- fingerprint of the key that signs
    sequence INTEGER NOT NULL CHECK (sequence >= 0),             -- grows with each bundle
    published_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', published_at, '+0 days') IS published_at),
    imported_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', imported_at, '+0 days') IS imported_at),
    min_users INTEGER NOT NULL CHECK (min_users >= 1),
    epsilon REAL CHECK (epsilon > 0)                             -- of the noise in its counts; none without
) STRICT, WITHOUT ROWID;

CREATE TABLE community_shares (
    publisher TEXT NOT NULL CHECK (publisher <> ''),
    skill_name TEXT NOT NULL CHECK (trim(skill_name) <> ''),
    total_users INTEGER NOT NULL CHECK (total_users >= 1),
    total_invocations INTEGER NOT NULL CHECK (total_invocations >= 0),
    completed_count INTEGER NOT NULL CHECK (completed_count >= 0),
    failed_count INTEGER NOT NULL CHECK (failed_count >= 0),
    avg_duration_seconds REAL CHECK (avg_duration_seconds >= 0 AND avg_duration_seconds < 9e999),
    most_common_workflow_phase TEXT,
    PRIMARY KEY (publisher, skill_name)
) STRICT, WITHOUT ROWID;

-- What was learned from all of this, as of the last refresh: recommendations, the search index, the landscape.
CREATE TABLE learned_models (
    model_name TEXT PRIMARY KEY CHECK (model_name <> ''),
    version INTEGER NOT NULL CHECK (version >= 1),               -- grows with each fit
    algorithm TEXT NOT NULL CHECK (algorithm <> ''),
    fitted_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', fitted_at, '+0 days') IS fitted_at),
    details TEXT NOT NULL CHECK (json_valid(details)),           -- settings, and the figures it was chosen by
    data BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What is done now and then, and how it went the last time.
CREATE TABLE refresh_jobs (
    job_name TEXT PRIMARY KEY CHECK (job_name <> ''),
    started_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', started_at, '+0 days') IS started_at),
    duration_seconds REAL NOT NULL CHECK (duration_seconds >= 0),
    row_count INTEGER NOT NULL CHECK (row_count >= 0),           -- rows it wrote
    error TEXT                                                   -- why it failed; none where it did not
) STRICT, WITHOUT ROWID;

------------------------------------------------------------------ 3. experiments

CREATE TABLE ab_test_configs (
    test_id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_name TEXT NOT NULL UNIQUE CHECK (test_name <> ''),
    description TEXT,
    control_strategy TEXT NOT NULL CHECK (control_strategy <> ''),
    treatment_strategy TEXT NOT NULL CHECK (treatment_strategy <> ''),
    start_date TEXT NOT NULL CHECK (start_date LIKE '____-__-__%' AND julianday(start_date) IS NOT NULL),
    end_date TEXT CHECK (end_date IS NULL OR julianday(end_date) > julianday(start_date)),
    min_sample_size INTEGER DEFAULT 100 CHECK (min_sample_size > 0),
    metrics TEXT CHECK (CASE WHEN json_valid(metrics) THEN json_type(metrics) = 'array' ELSE metrics IS NULL END),
    assignment_ratio REAL DEFAULT 0.5 CHECK (assignment_ratio > 0 AND assignment_ratio < 1),
    status TEXT DEFAULT 'running'
        CHECK (status IN ('draft', 'running', 'paused', 'stopped', 'concluded', 'archived')),
    -- All else that was decided: a JSON object. Without one, the defaults hold.
    design TEXT CHECK (CASE WHEN json_valid(design) THEN json_type(design) = 'object' ELSE design IS NULL END),
    -- When the ratio was last changed: who was assigned before is left out of the analysis.
    ratio_since TEXT CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', ratio_since, '+0 days') IS ratio_since)
) STRICT;

CREATE TABLE ab_test_assignments (
    assignment_id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_id INTEGER NOT NULL REFERENCES ab_test_configs (test_id) ON DELETE CASCADE,
    user_id TEXT NOT NULL CHECK (user_id <> ''),
    group_name TEXT NOT NULL CHECK (group_name IN ('control', 'treatment')),
    assigned_at TEXT NOT NULL CHECK (assigned_at LIKE '____-__-__%' AND julianday(assigned_at) IS NOT NULL),
    UNIQUE (test_id, user_id)
) STRICT;

CREATE INDEX idx_ab_assignments_test_user ON ab_test_assignments (test_id, user_id);
CREATE INDEX idx_ab_assignments_test_group ON ab_test_assignments (test_id, group_name);

CREATE TABLE ab_test_outcomes (
    outcome_id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_id INTEGER NOT NULL REFERENCES ab_test_configs (test_id) ON DELETE CASCADE,
    user_id TEXT NOT NULL CHECK (user_id <> ''),
    skill_name TEXT NOT NULL CHECK (trim(skill_name) <> ''),
    completed INTEGER NOT NULL CHECK (completed IN (0, 1)),
    duration_seconds REAL CHECK (duration_seconds >= 0 AND duration_seconds <= 1e12), -- 30,000 years
    user_rating REAL CHECK (user_rating BETWEEN 1 AND 5),
    recorded_at TEXT NOT NULL CHECK (recorded_at LIKE '____-__-__%' AND julianday(recorded_at) IS NOT NULL)
) STRICT;

CREATE INDEX idx_ab_outcomes_test_user ON ab_test_outcomes (test_id, user_id);

-- On which days a user met the variant, and when first on that day. Who was assigned need never have met it.
CREATE TABLE ab_test_exposures (
    test_id INTEGER NOT NULL REFERENCES ab_test_configs (test_id) ON DELETE CASCADE,
    user_id TEXT NOT NULL CHECK (user_id <> ''),
    exposed_on TEXT NOT NULL, -- the day in UTC, 2026-01-31
    group_name TEXT NOT NULL CHECK (group_name = 'control' OR group_name = 'treatment'),
    exposed_at TEXT NOT NULL CHECK (substr(exposed_at, 1, 10) = exposed_on
        AND strftime('%Y-%m-%dT%H:%M:%fZ', exposed_at, '+0 days') IS exposed_at),
    PRIMARY KEY (test_id, user_id, exposed_on)
) STRICT, WITHOUT ROWID;

-- Who did what to an experiment, and when. Rows are added and stay as they are.
CREATE TABLE ab_test_events (
    event_id INTEGER PRIMARY KEY,
    test_id INTEGER NOT NULL REFERENCES ab_test_configs (test_id) ON DELETE CASCADE,
    happened_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', happened_at, '+0 days') IS happened_at),
    actor TEXT NOT NULL CHECK (actor <> ''),
    action TEXT NOT NULL CHECK (action <> ''),
    details TEXT CHECK (details IS NULL OR json_valid(details))
) STRICT;

CREATE INDEX idx_ab_events_test_time ON ab_test_events (test_id, happened_at);

-- What a user did in the weeks before the experiment began, as it was known then.
CREATE TABLE ab_test_covariates (
    test_id INTEGER NOT NULL REFERENCES ab_test_configs (test_id) ON DELETE CASCADE,
    user_id TEXT NOT NULL CHECK (user_id <> ''),
    outcome_count INTEGER NOT NULL DEFAULT 0 CHECK (outcome_count >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count BETWEEN 0 AND outcome_count),
    duration_sum REAL NOT NULL DEFAULT 0 CHECK (duration_sum >= 0 AND duration_sum < 9e999),
    duration_count INTEGER NOT NULL DEFAULT 0 CHECK (duration_count BETWEEN 0 AND outcome_count),
    PRIMARY KEY (test_id, user_id)
) STRICT, WITHOUT ROWID;

-- One row a user with an assignment, and the sums of that user's outcomes, before and after it;
-- outcomes of other users stand in no row.
CREATE TABLE ab_test_user_sums (
    test_id INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    group_name TEXT NOT NULL,
    assigned_at TEXT NOT NULL,
    outcome_count INTEGER NOT NULL DEFAULT 0,
    completed_count INTEGER NOT NULL DEFAULT 0,
    duration_sum REAL NOT NULL DEFAULT 0,
    duration_count INTEGER NOT NULL DEFAULT 0,
    rating_sum REAL NOT NULL DEFAULT 0,
    rating_count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (test_id, user_id)
) STRICT, WITHOUT ROWID;

-- What ab_test_user_sums holds, by test and group.
CREATE TABLE ab_test_group_counts (
    test_id INTEGER NOT NULL REFERENCES ab_test_configs (test_id) ON DELETE CASCADE,
    group_name TEXT NOT NULL CHECK (group_name IN ('control', 'treatment')),
    user_count INTEGER NOT NULL DEFAULT 0 CHECK (user_count >= 0),
    outcome_count INTEGER NOT NULL DEFAULT 0 CHECK (outcome_count >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count >= 0),
    duration_sum REAL NOT NULL DEFAULT 0,
    duration_count INTEGER NOT NULL DEFAULT 0 CHECK (duration_count >= 0),
    rating_sum REAL NOT NULL DEFAULT 0,
    rating_count INTEGER NOT NULL DEFAULT 0 CHECK (rating_count >= 0),
    PRIMARY KEY (test_id, group_name)
) STRICT, WITHOUT ROWID;

------------------------------------------------------------------ 4. multi-modal skills

CREATE TABLE skill_categories (
    category_id INTEGER PRIMARY KEY AUTOINCREMENT,
    category_name TEXT NOT NULL UNIQUE CHECK (category_name <> ''),
    parent_category_id INTEGER REFERENCES skill_categories (category_id)
        CHECK (parent_category_id <> category_id),
    description TEXT,
    domain TEXT CHECK (domain IN ('code', 'documentation', 'testing', 'deployment')),
    created_at TEXT NOT NULL CHECK (created_at LIKE '____-__-__%' AND julianday(created_at) IS NOT NULL),
    scheme TEXT NOT NULL DEFAULT 'session-buddy' CHECK (scheme <> '')  -- the taxonomy it belongs to
) STRICT;

CREATE TABLE skill_category_mapping (
    skill_name TEXT NOT NULL CHECK (trim(skill_name) <> ''),
    category_id INTEGER NOT NULL REFERENCES skill_categories (category_id) ON DELETE CASCADE,
    confidence_score REAL CHECK (confidence_score BETWEEN 0 AND 1),
    assigned_at TEXT NOT NULL CHECK (assigned_at LIKE '____-__-__%' AND julianday(assigned_at) IS NOT NULL),
    -- Whoever said so: the specification, shell rules, what was learned, a person. What a person said stays; a
    -- confidence of 0 by a person says that it is not in it.
    assigned_by TEXT NOT NULL DEFAULT 'person'
        CHECK (assigned_by IN ('predefined', 'rules', 'inference', 'person')),
    -- What a person's word stands in place of, to be there again when it is taken back.
    overruled TEXT CHECK (overruled IN ('predefined', 'rules')),
    PRIMARY KEY (skill_name, category_id)
) STRICT;

CREATE INDEX idx_category_mapping_category ON skill_category_mapping (category_id);

-- Sessions with both skills; each pair once, skill_a < skill_b. The count follows every
-- insert; lift_score, which depends on the number of all sessions, is true as of the last
-- refresh. v_skill_dependency_network gives the lift that is true now.
CREATE TABLE skill_dependencies (
    skill_a TEXT NOT NULL,
    skill_b TEXT NOT NULL,
    co_occurrence_count INTEGER DEFAULT 1 CHECK (co_occurrence_count >= 0),
    lift_score REAL CHECK (lift_score >= 0),
    last_updated TEXT NOT NULL,
    PRIMARY KEY (skill_a, skill_b),
    CHECK (skill_a < skill_b)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_dependencies_skill_a ON skill_dependencies (skill_a);
CREATE INDEX idx_dependencies_skill_b ON skill_dependencies (skill_b);
CREATE INDEX idx_dependencies_lift ON skill_dependencies (lift_score DESC);

CREATE TABLE skill_modalities (
    skill_name TEXT PRIMARY KEY CHECK (trim(skill_name) <> ''),
    -- unknown (NULL in the catalogue view) where formats or the review alone are known.
    modality_type TEXT NOT NULL
        CHECK (modality_type IN ('code', 'documentation', 'testing', 'deployment', 'unknown')),
    input_format TEXT,
    output_format TEXT,
    requires_human_review INTEGER DEFAULT 0 CHECK (requires_human_review IN (0, 1)),
    created_at TEXT NOT NULL CHECK (created_at LIKE '____-__-__%' AND julianday(created_at) IS NOT NULL),
    -- Whoever said so of the type and the formats, and of the review; see skill_category_mapping.
    assigned_by TEXT NOT NULL DEFAULT 'person'
        CHECK (assigned_by IN ('predefined', 'rules', 'inference', 'person')),
    review_assigned_by TEXT NOT NULL DEFAULT 'inference' CHECK (review_assigned_by IN ('inference', 'person'))
) STRICT;

-- Every place where a skill is written down: a SKILL.md, a listing of an MCP server, a rule for shell commands.
CREATE TABLE skill_sources (
    machine TEXT NOT NULL CHECK (machine <> ''),                 -- that was looked through, by its name
    path TEXT NOT NULL CHECK (path <> ''),                       -- of the file, and behind # what in it
    skill_name TEXT NOT NULL CHECK (trim(skill_name) <> ''),
    origin TEXT NOT NULL
        CHECK (origin IN ('user', 'managed', 'project', 'plugin', 'marketplace', 'folder', 'mcp', 'shell')),
    plugin TEXT,
    version TEXT,
    content_hash TEXT NOT NULL CHECK (length(content_hash) = 64),
    listing_tokens INTEGER NOT NULL CHECK (listing_tokens >= 0), -- an estimate, of what every session pays
    body_tokens INTEGER NOT NULL CHECK (body_tokens >= 0),       -- an estimate, of what a use pays besides
    problem TEXT,                                                -- its faults, one a line; with some it can be used
    size INTEGER NOT NULL CHECK (size >= 0),
    modified_ns INTEGER NOT NULL,
    changed_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', changed_at, '+0 days') IS changed_at),
    -- since when it is known
    seen_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', seen_at, '+0 days') IS seen_at),
    PRIMARY KEY (machine, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_sources_skill ON skill_sources (skill_name);

-- What is known of pairs of skill_dependencies besides, as of the last refresh; only of those in enough sessions.
CREATE TABLE skill_dependency_details (
    skill_a TEXT NOT NULL,
    skill_b TEXT NOT NULL,
    p_value REAL NOT NULL CHECK (p_value BETWEEN 0 AND 1),       -- of a co-occurrence this far from chance
    q_value REAL NOT NULL CHECK (q_value BETWEEN 0 AND 1),       -- the same, of all pairs that were looked at
    a_first_count INTEGER NOT NULL CHECK (a_first_count >= 0),   -- sessions in which skill_a was used first
    b_first_count INTEGER NOT NULL CHECK (b_first_count >= 0),
    a_to_b_seconds REAL CHECK (a_to_b_seconds >= 0),             -- the median, where skill_a was first
    b_to_a_seconds REAL CHECK (b_to_a_seconds >= 0),
    order_q_value REAL NOT NULL CHECK (order_q_value BETWEEN 0 AND 1),  -- of an order this far from a toss-up
    last_updated TEXT NOT NULL,
    PRIMARY KEY (skill_a, skill_b),
    CHECK (skill_a < skill_b)
) STRICT, WITHOUT ROWID;

-- What is used one after another again and again, as of the last refresh.
CREATE TABLE skill_paths (
    path TEXT PRIMARY KEY CHECK (json_type(path) = 'array'),     -- of skills, JSON
    length INTEGER NOT NULL CHECK (length >= 2),
    session_count INTEGER NOT NULL CHECK (session_count >= 1),
    occurrence_count INTEGER NOT NULL CHECK (occurrence_count >= session_count),
    median_seconds REAL CHECK (median_seconds >= 0),             -- from the first use to the last
    last_updated TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO skill_categories (category_name, description, domain, created_at) VALUES
    ('Code Quality', 'Linters, type checkers and formatters', 'code', '2026-02-10T00:00:00.000Z'),
    ('Testing', 'Running tests and measuring what they cover', 'testing', '2026-02-10T00:00:00.000Z'),
    ('Documentation', 'Writing, building and checking documentation', 'documentation', '2026-02-10T00:00:00.000Z'),
    ('Deployment', 'Building, shipping and operating', 'deployment', '2026-02-10T00:00:00.000Z');

WITH predefined (skill_name, category_name) AS (VALUES
    ('ruff-check', 'Code Quality'), ('mypy', 'Code Quality'), ('pylint', 'Code Quality'),
    ('pytest-run', 'Testing'), ('coverage-report', 'Testing'), ('hypothesis-test', 'Testing'),
    ('sphinx-build', 'Documentation'), ('docstring-check', 'Documentation'), ('api-docs', 'Documentation'),
    ('docker-build', 'Deployment'), ('k8s-deploy', 'Deployment'), ('terraform-apply', 'Deployment'))
INSERT INTO skill_category_mapping (skill_name, category_id, confidence_score, assigned_at, assigned_by)
SELECT p.skill_name, c.category_id, 1.0, '2026-02-10T00:00:00.000Z', 'predefined'
FROM predefined p JOIN skill_categories c ON c.category_name = p.category_name;

INSERT INTO skill_modalities (skill_name, modality_type, created_at, assigned_by)
SELECT m.skill_name, c.domain, m.assigned_at, m.assigned_by
FROM skill_category_mapping m JOIN skill_categories c ON c.category_id = m.category_id;

------------------------------------------------------------------ sliding windows

-- Invocations of the last 1 h / 24 h, true at the moment of reading, exact to the minute:
-- the minute in which a window begins counts whole, what lies in the future does not count.
CREATE VIEW skill_window_counts AS
SELECT c.skill_name,
       ifnull(last.invocations_before + last.invocation_count - first_1h.invocations_before, 0)
           AS invocation_count_1h,
       ifnull(last.invocations_before + last.invocation_count - first_24h.invocations_before, 0)
           AS invocation_count_24h,
       ifnull(last.completed_before + last.completed_count - first_24h.completed_before, 0) AS completed_count_24h,
       ifnull(last.failed_before + last.failed_count - first_24h.failed_before, 0) AS failed_count_24h
FROM skill_metrics_cache c
CROSS JOIN (
    SELECT strftime('%Y-%m-%dT%H:%M:00.000Z', 'now') AS this_minute,
           strftime('%Y-%m-%dT%H:%M:00.000Z', 'now', '-1 hour') AS hour_ago,
           strftime('%Y-%m-%dT%H:%M:00.000Z', 'now', '-24 hours') AS day_ago
    LIMIT 1
) clock
LEFT JOIN skill_minute_buckets last ON last.skill_name = c.skill_name AND last.minute = (
    SELECT max(m.minute) FROM skill_minute_buckets m
    WHERE m.skill_name = c.skill_name AND m.minute <= clock.this_minute)
LEFT JOIN skill_minute_buckets first_1h ON first_1h.skill_name = c.skill_name AND first_1h.minute = (
    SELECT min(m.minute) FROM skill_minute_buckets m
    WHERE m.skill_name = c.skill_name AND m.minute >= clock.hour_ago AND m.minute <= clock.this_minute)
LEFT JOIN skill_minute_buckets first_24h ON first_24h.skill_name = c.skill_name AND first_24h.minute = (
    SELECT min(m.minute) FROM skill_minute_buckets m
    WHERE m.skill_name = c.skill_name AND m.minute >= clock.day_ago AND m.minute <= clock.this_minute);

------------------------------------------------------------------ triggers: time and users

-- The door to the minute buckets, for single rows and for batches alike: a signed change of
-- one minute moves the sums of all later minutes. No window looks back further than 24 h;
-- minutes older than two days are not kept.
CREATE VIEW minute_change AS
SELECT skill_name, minute, invocation_count, completed_count, failed_count FROM skill_minute_buckets WHERE 0;

CREATE TRIGGER trg_minute_change INSTEAD OF INSERT ON minute_change
BEGIN
    INSERT INTO skill_minute_buckets (skill_name, minute, invocation_count, completed_count, failed_count,
        invocations_before, completed_before, failed_before)
    SELECT NEW.skill_name, NEW.minute, NEW.invocation_count, NEW.completed_count, NEW.failed_count,
        ifnull(before.invocations_before + before.invocation_count, ifnull(after.invocations_before, 0)),
        ifnull(before.completed_before + before.completed_count, ifnull(after.completed_before, 0)),
        ifnull(before.failed_before + before.failed_count, ifnull(after.failed_before, 0))
    FROM (SELECT 1)
    LEFT JOIN skill_minute_buckets before ON before.skill_name = NEW.skill_name AND before.minute = (
        SELECT max(m.minute) FROM skill_minute_buckets m WHERE m.skill_name = NEW.skill_name AND m.minute < NEW.minute)
    LEFT JOIN skill_minute_buckets after ON after.skill_name = NEW.skill_name AND after.minute = (
        SELECT min(m.minute) FROM skill_minute_buckets m WHERE m.skill_name = NEW.skill_name AND m.minute > NEW.minute)
    WHERE NEW.invocation_count > 0
        AND NEW.minute >= strftime('%Y-%m-%dT%H:%M:00.000Z', 'now', '-48 hours')
    ON CONFLICT (skill_name, minute) DO UPDATE SET
        invocation_count = invocation_count + excluded.invocation_count,
        completed_count = completed_count + excluded.completed_count,
        failed_count = failed_count + excluded.failed_count;
    UPDATE skill_minute_buckets SET
        invocations_before = invocations_before + NEW.invocation_count,
        completed_before = completed_before + NEW.completed_count,
        failed_before = failed_before + NEW.failed_count
    WHERE skill_name = NEW.skill_name AND minute > NEW.minute
        AND EXISTS (SELECT 1 FROM skill_minute_buckets m WHERE m.skill_name = NEW.skill_name AND m.minute = NEW.minute);
    UPDATE skill_minute_buckets SET
        invocation_count = invocation_count + NEW.invocation_count,
        completed_count = completed_count + NEW.completed_count,
        failed_count = failed_count + NEW.failed_count
    WHERE NEW.invocation_count < 0 AND skill_name = NEW.skill_name AND minute = NEW.minute;
    DELETE FROM skill_minute_buckets
    WHERE NEW.invocation_count < 0 AND skill_name = NEW.skill_name AND minute = NEW.minute AND invocation_count = 0;
    DELETE FROM skill_minute_buckets
    WHERE skill_name = NEW.skill_name AND minute < strftime('%Y-%m-%dT%H:%M:00.000Z', 'now', '-48 hours');
END;

CREATE VIEW metrics_change AS
SELECT 0 AS sign, id, session_id, user_id, skill_name, invoked_at, outcome, duration_ms
FROM skill_invocation WHERE 0;

CREATE TRIGGER trg_metrics_change INSTEAD OF INSERT ON metrics_change
BEGIN
    INSERT INTO user_skill_metrics (user_id, skill_name, invocation_count, completed_count, failed_count,
        duration_ms_sum, duration_count)
    SELECT NEW.user_id, NEW.skill_name, 1, NEW.outcome IS 'completed', NEW.outcome IS 'failed',
        ifnull(NEW.duration_ms, 0), NEW.duration_ms IS NOT NULL
    WHERE NEW.sign > 0
    ON CONFLICT (user_id, skill_name) DO UPDATE SET
        invocation_count = invocation_count + 1,
        completed_count = completed_count + excluded.completed_count,
        failed_count = failed_count + excluded.failed_count,
        duration_ms_sum = duration_ms_sum + excluded.duration_ms_sum,
        duration_count = duration_count + excluded.duration_count;
    UPDATE user_skill_metrics SET
        invocation_count = invocation_count - 1,
        completed_count = completed_count - (NEW.outcome IS 'completed'),
        failed_count = failed_count - (NEW.outcome IS 'failed'),
        duration_ms_sum = duration_ms_sum - ifnull(NEW.duration_ms, 0),
        duration_count = duration_count - (NEW.duration_ms IS NOT NULL)
    WHERE NEW.sign < 0 AND user_id = NEW.user_id AND skill_name = NEW.skill_name;
    DELETE FROM user_skill_metrics
    WHERE NEW.sign < 0 AND user_id = NEW.user_id AND skill_name = NEW.skill_name AND invocation_count = 0;

    INSERT INTO skill_time_series (skill_name, timestamp, invocation_count, completed_count, failed_count,
        duration_ms_sum, duration_count, unique_sessions, completion_rate, avg_duration_seconds)
    SELECT NEW.skill_name, substr(NEW.invoked_at, 1, 13) || ':00:00.000Z', 1, NEW.outcome IS 'completed',
        NEW.outcome IS 'failed', ifnull(NEW.duration_ms, 0), NEW.duration_ms IS NOT NULL, 1,
        CASE NEW.outcome WHEN 'completed' THEN 1.0 WHEN 'failed' THEN 0.0 END, NEW.duration_ms / 1000.0
    WHERE NEW.sign > 0
    ON CONFLICT (skill_name, timestamp) DO UPDATE SET
        invocation_count = invocation_count + 1,
        completed_count = completed_count + excluded.completed_count,
        failed_count = failed_count + excluded.failed_count,
        duration_ms_sum = duration_ms_sum + excluded.duration_ms_sum,
        duration_count = duration_count + excluded.duration_count,
        unique_sessions = unique_sessions + NOT EXISTS (SELECT 1 FROM skill_invocation i
            WHERE i.session_id = NEW.session_id AND i.skill_name = NEW.skill_name AND i.id <> NEW.id
                AND i.invoked_at >= excluded.timestamp
                AND i.invoked_at < strftime('%Y-%m-%dT%H:%M:%fZ', excluded.timestamp, '+1 hour')),
        completion_rate = CASE WHEN completed_count + excluded.completed_count + failed_count + excluded.failed_count > 0
            THEN 1.0 * (completed_count + excluded.completed_count)
                / (completed_count + excluded.completed_count + failed_count + excluded.failed_count) END,
        avg_duration_seconds = CASE WHEN duration_count + excluded.duration_count > 0
            THEN (duration_ms_sum + excluded.duration_ms_sum) / 1000.0
                / (duration_count + excluded.duration_count) END;
    UPDATE skill_time_series SET
        invocation_count = invocation_count - 1,
        completed_count = completed_count - (NEW.outcome IS 'completed'),
        failed_count = failed_count - (NEW.outcome IS 'failed'),
        duration_ms_sum = duration_ms_sum - ifnull(NEW.duration_ms, 0),
        duration_count = duration_count - (NEW.duration_ms IS NOT NULL),
        unique_sessions = (SELECT count(DISTINCT i.session_id) FROM skill_invocation i
            WHERE i.skill_name = NEW.skill_name AND i.invoked_at >= timestamp
                AND i.invoked_at < strftime('%Y-%m-%dT%H:%M:%fZ', timestamp, '+1 hour'))
    WHERE NEW.sign < 0 AND skill_name = NEW.skill_name
        AND timestamp = substr(NEW.invoked_at, 1, 13) || ':00:00.000Z';
    UPDATE skill_time_series SET
        completion_rate = CASE WHEN completed_count + failed_count > 0
            THEN 1.0 * completed_count / (completed_count + failed_count) END,
        avg_duration_seconds = CASE WHEN duration_count > 0 THEN duration_ms_sum / 1000.0 / duration_count END
    WHERE NEW.sign < 0 AND skill_name = NEW.skill_name
        AND timestamp = substr(NEW.invoked_at, 1, 13) || ':00:00.000Z';
    DELETE FROM skill_time_series
    WHERE NEW.sign < 0 AND skill_name = NEW.skill_name
        AND timestamp = substr(NEW.invoked_at, 1, 13) || ':00:00.000Z' AND invocation_count = 0;

    INSERT INTO skill_duration_counts (skill_name, le_ms, invocation_count)
    SELECT NEW.skill_name, (SELECT min(b.le_ms) FROM duration_bounds b WHERE b.le_ms >= NEW.duration_ms), 1
    WHERE NEW.sign > 0 AND NEW.duration_ms IS NOT NULL
    ON CONFLICT (skill_name, le_ms) DO UPDATE SET invocation_count = invocation_count + 1;
    UPDATE skill_duration_counts SET invocation_count = invocation_count - 1
    WHERE NEW.sign < 0 AND NEW.duration_ms IS NOT NULL AND skill_name = NEW.skill_name
        AND le_ms = (SELECT min(b.le_ms) FROM duration_bounds b WHERE b.le_ms >= NEW.duration_ms);
    DELETE FROM skill_duration_counts
    WHERE NEW.sign < 0 AND NEW.duration_ms IS NOT NULL AND skill_name = NEW.skill_name AND invocation_count = 0;

    INSERT INTO minute_change
    SELECT NEW.skill_name, substr(NEW.invoked_at, 1, 16) || ':00.000Z', NEW.sign,
        NEW.sign * (NEW.outcome IS 'completed'), NEW.sign * (NEW.outcome IS 'failed');

    INSERT INTO skill_metrics_cache (skill_name, last_invocation_at, updated_at)
    SELECT NEW.skill_name, NEW.invoked_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE NEW.sign > 0
    ON CONFLICT (skill_name) DO UPDATE SET
        last_invocation_at = max(last_invocation_at, excluded.last_invocation_at);
    DELETE FROM skill_metrics_cache
    WHERE NEW.sign < 0 AND skill_name = NEW.skill_name
        AND NOT EXISTS (SELECT 1 FROM skill_invocation i WHERE i.skill_name = NEW.skill_name);
    UPDATE skill_metrics_cache SET
        last_invocation_at = (SELECT max(i.invoked_at) FROM skill_invocation i WHERE i.skill_name = NEW.skill_name)
    WHERE NEW.sign < 0 AND skill_name = NEW.skill_name;
    UPDATE skill_metrics_cache SET
        (invocation_count_1h, invocation_count_24h, avg_completion_rate_24h) = (
            SELECT ifnull(sum(w.invocation_count_1h), 0), ifnull(sum(w.invocation_count_24h), 0),
                CASE WHEN sum(w.completed_count_24h + w.failed_count_24h) > 0
                    THEN 1.0 * sum(w.completed_count_24h) / sum(w.completed_count_24h + w.failed_count_24h) END
            FROM skill_window_counts w WHERE w.skill_name = NEW.skill_name),
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE skill_name = NEW.skill_name;
END;

CREATE TRIGGER trg_metrics_cache_after_insert AFTER INSERT ON skill_invocation WHEN NEW.rolled_up = 0
BEGIN
    INSERT INTO metrics_change VALUES (+1, NEW.id, NEW.session_id, NEW.user_id, NEW.skill_name, NEW.invoked_at,
        NEW.outcome, NEW.duration_ms);
END;

CREATE TRIGGER trg_metrics_cache_after_delete AFTER DELETE ON skill_invocation
BEGIN
    INSERT INTO metrics_change VALUES (-1, OLD.id, OLD.session_id, OLD.user_id, OLD.skill_name, OLD.invoked_at,
        OLD.outcome, OLD.duration_ms);
END;

CREATE TRIGGER trg_metrics_cache_after_update
AFTER UPDATE OF session_id, user_id, skill_name, invoked_at, outcome, duration_ms ON skill_invocation
BEGIN
    INSERT INTO metrics_change VALUES (+1, NEW.id, NEW.session_id, NEW.user_id, NEW.skill_name, NEW.invoked_at,
        NEW.outcome, NEW.duration_ms);
    INSERT INTO metrics_change VALUES (-1, OLD.id, OLD.session_id, OLD.user_id, OLD.skill_name, OLD.invoked_at,
        OLD.outcome, OLD.duration_ms);
END;

-- A skill is anomalous while one of its anomalies is open; its score is that of the largest deviation.
CREATE VIEW anomaly_change AS SELECT skill_name FROM skill_anomalies WHERE 0;

CREATE TRIGGER trg_anomaly_change INSTEAD OF INSERT ON anomaly_change
BEGIN
    UPDATE skill_metrics_cache SET
        is_anomalous = EXISTS (SELECT 1 FROM skill_anomalies a
            WHERE a.skill_name = NEW.skill_name AND a.resolved_at IS NULL),
        anomaly_score = (SELECT a.deviation_score FROM skill_anomalies a
            WHERE a.skill_name = NEW.skill_name AND a.resolved_at IS NULL
            ORDER BY abs(ifnull(a.deviation_score, -1)) DESC, a.id DESC LIMIT 1)
    WHERE skill_name = NEW.skill_name;
END;

CREATE TRIGGER trg_anomalies_after_insert AFTER INSERT ON skill_anomalies
BEGIN
    INSERT INTO anomaly_change VALUES (NEW.skill_name);
END;

CREATE TRIGGER trg_anomalies_after_update AFTER UPDATE ON skill_anomalies
BEGIN
    INSERT INTO anomaly_change VALUES (OLD.skill_name);
    INSERT INTO anomaly_change VALUES (NEW.skill_name);
END;

CREATE TRIGGER trg_anomalies_after_delete AFTER DELETE ON skill_anomalies
BEGIN
    INSERT INTO anomaly_change VALUES (OLD.skill_name);
END;

CREATE TRIGGER trg_invocation_update_after_update AFTER UPDATE ON skill_invocation
BEGIN
    INSERT INTO invocation_update (invocation_id) VALUES (NEW.id);
    DELETE FROM invocation_update WHERE seq <= (SELECT max(u.seq) FROM invocation_update u) - 10000;
END;

CREATE TRIGGER trg_time_series_after_insert AFTER INSERT ON skill_time_series
BEGIN
    INSERT INTO skill_day_buckets (skill_name, day, invocation_count, completed_count, failed_count,
        duration_ms_sum, duration_count)
    VALUES (NEW.skill_name, substr(NEW.timestamp, 1, 10) || 'T00:00:00.000Z', ifnull(NEW.invocation_count, 0),
        NEW.completed_count, NEW.failed_count, NEW.duration_ms_sum, NEW.duration_count)
    ON CONFLICT (skill_name, day) DO UPDATE SET
        invocation_count = invocation_count + excluded.invocation_count,
        completed_count = completed_count + excluded.completed_count,
        failed_count = failed_count + excluded.failed_count,
        duration_ms_sum = duration_ms_sum + excluded.duration_ms_sum,
        duration_count = duration_count + excluded.duration_count;
END;

CREATE TRIGGER trg_time_series_after_update AFTER UPDATE OF invocation_count, completed_count, failed_count,
    duration_ms_sum, duration_count ON skill_time_series
BEGIN
    UPDATE skill_day_buckets SET
        invocation_count = invocation_count + ifnull(NEW.invocation_count, 0) - ifnull(OLD.invocation_count, 0),
        completed_count = completed_count + NEW.completed_count - OLD.completed_count,
        failed_count = failed_count + NEW.failed_count - OLD.failed_count,
        duration_ms_sum = duration_ms_sum + NEW.duration_ms_sum - OLD.duration_ms_sum,
        duration_count = duration_count + NEW.duration_count - OLD.duration_count
    WHERE skill_name = NEW.skill_name AND day = substr(NEW.timestamp, 1, 10) || 'T00:00:00.000Z';
END;

CREATE TRIGGER trg_time_series_after_delete AFTER DELETE ON skill_time_series
BEGIN
    UPDATE skill_day_buckets SET
        invocation_count = invocation_count - ifnull(OLD.invocation_count, 0),
        completed_count = completed_count - OLD.completed_count,
        failed_count = failed_count - OLD.failed_count,
        duration_ms_sum = duration_ms_sum - OLD.duration_ms_sum,
        duration_count = duration_count - OLD.duration_count
    WHERE skill_name = OLD.skill_name AND day = substr(OLD.timestamp, 1, 10) || 'T00:00:00.000Z';
    DELETE FROM skill_day_buckets
    WHERE skill_name = OLD.skill_name AND day = substr(OLD.timestamp, 1, 10) || 'T00:00:00.000Z'
        AND NOT EXISTS (SELECT 1 FROM skill_time_series t WHERE t.skill_name = OLD.skill_name
            AND t.timestamp >= substr(OLD.timestamp, 1, 10) || 'T00:00:00.000Z'
            AND t.timestamp <= substr(OLD.timestamp, 1, 10) || 'T23:00:00.000Z');
END;

------------------------------------------------------------------ triggers: sessions

CREATE TRIGGER trg_interactions_after_session_insert AFTER INSERT ON session_skills
BEGIN
    INSERT INTO skill_user_interactions (user_id, session_id, skill_name, invoked_at, completed, rating,
        alternatives_considered)
    VALUES (NEW.user_id, NEW.session_id, NEW.skill_name, NEW.first_invoked_at, NEW.completed_count > 0, NEW.rating,
        NEW.alternatives_considered);
    INSERT INTO skill_dependencies (skill_a, skill_b, co_occurrence_count, last_updated)
    SELECT min(s.skill_name, NEW.skill_name), max(s.skill_name, NEW.skill_name), 1,
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    FROM session_skills s WHERE s.session_id = NEW.session_id AND s.skill_name <> NEW.skill_name
    ON CONFLICT (skill_a, skill_b) DO UPDATE SET
        co_occurrence_count = co_occurrence_count + 1, last_updated = excluded.last_updated;
END;

CREATE TRIGGER trg_interactions_after_session_update
AFTER UPDATE OF user_id, first_invoked_at, completed_count, rating, alternatives_considered ON session_skills
WHEN NEW.first_invoked_at <> OLD.first_invoked_at OR (NEW.completed_count > 0) <> (OLD.completed_count > 0)
    OR NEW.user_id <> OLD.user_id OR NEW.rating IS NOT OLD.rating
    OR NEW.alternatives_considered IS NOT OLD.alternatives_considered
BEGIN
    UPDATE skill_user_interactions SET user_id = NEW.user_id, invoked_at = NEW.first_invoked_at,
        completed = NEW.completed_count > 0, rating = NEW.rating,
        alternatives_considered = NEW.alternatives_considered
    WHERE user_id = OLD.user_id AND invoked_at = OLD.first_invoked_at
        AND session_id = OLD.session_id AND skill_name = OLD.skill_name;
END;

CREATE TRIGGER trg_interactions_after_session_delete AFTER DELETE ON session_skills
BEGIN
    DELETE FROM skill_user_interactions
    WHERE user_id = OLD.user_id AND invoked_at = OLD.first_invoked_at
        AND session_id = OLD.session_id AND skill_name = OLD.skill_name;
    UPDATE skill_dependencies SET co_occurrence_count = co_occurrence_count - 1,
        last_updated = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE (skill_a = OLD.skill_name AND skill_b IN (SELECT s.skill_name FROM session_skills s
            WHERE s.session_id = OLD.session_id))
        OR (skill_b = OLD.skill_name AND skill_a IN (SELECT s.skill_name FROM session_skills s
            WHERE s.session_id = OLD.session_id));
    DELETE FROM skill_dependencies
    WHERE co_occurrence_count = 0 AND (skill_a = OLD.skill_name OR skill_b = OLD.skill_name);
END;

------------------------------------------------------------------ triggers: community

CREATE TRIGGER trg_baselines_after_metrics_insert AFTER INSERT ON skill_metrics
BEGIN
    INSERT INTO skill_community_baselines (skill_name, total_users, total_invocations, global_completion_rate,
        global_avg_duration_seconds, most_common_workflow_phase, last_updated)
    VALUES (NEW.skill_name,
        (SELECT count(*) FROM user_skill_metrics u WHERE u.skill_name = NEW.skill_name),
        NEW.invocation_count, NEW.completion_rate, NEW.avg_duration_seconds,
        (SELECT p.workflow_phase FROM skill_phase_counts p WHERE p.skill_name = NEW.skill_name
            ORDER BY p.invocation_count DESC, p.workflow_phase LIMIT 1),
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ON CONFLICT (skill_name) DO UPDATE SET
        total_users = excluded.total_users, total_invocations = excluded.total_invocations,
        global_completion_rate = excluded.global_completion_rate,
        global_avg_duration_seconds = excluded.global_avg_duration_seconds,
        most_common_workflow_phase = excluded.most_common_workflow_phase, last_updated = excluded.last_updated;
END;

CREATE TRIGGER trg_baselines_after_metrics_update
AFTER UPDATE OF invocation_count, completed_count, failed_count, duration_ms_sum, duration_count ON skill_metrics
BEGIN
    UPDATE skill_community_baselines SET total_invocations = NEW.invocation_count,
        global_completion_rate = NEW.completion_rate, global_avg_duration_seconds = NEW.avg_duration_seconds,
        last_updated = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE skill_name = NEW.skill_name;
END;

CREATE TRIGGER trg_baselines_after_metrics_delete AFTER DELETE ON skill_metrics
BEGIN
    DELETE FROM skill_community_baselines WHERE skill_name = OLD.skill_name;
END;

CREATE TRIGGER trg_baselines_after_user_insert AFTER INSERT ON user_skill_metrics
BEGIN
    UPDATE skill_community_baselines SET total_users = total_users + 1 WHERE skill_name = NEW.skill_name;
END;

CREATE TRIGGER trg_baselines_after_user_delete AFTER DELETE ON user_skill_metrics
BEGIN
    UPDATE skill_community_baselines SET total_users = total_users - 1 WHERE skill_name = OLD.skill_name;
END;

CREATE TRIGGER trg_baselines_after_phase_insert AFTER INSERT ON skill_phase_counts
BEGIN
    UPDATE skill_community_baselines SET most_common_workflow_phase = (
        SELECT p.workflow_phase FROM skill_phase_counts p WHERE p.skill_name = NEW.skill_name
        ORDER BY p.invocation_count DESC, p.workflow_phase LIMIT 1)
    WHERE skill_name = NEW.skill_name;
END;

CREATE TRIGGER trg_baselines_after_phase_update AFTER UPDATE OF invocation_count ON skill_phase_counts
BEGIN
    UPDATE skill_community_baselines SET most_common_workflow_phase = (
        SELECT p.workflow_phase FROM skill_phase_counts p WHERE p.skill_name = NEW.skill_name
        ORDER BY p.invocation_count DESC, p.workflow_phase LIMIT 1)
    WHERE skill_name = NEW.skill_name;
END;

CREATE TRIGGER trg_baselines_after_phase_delete AFTER DELETE ON skill_phase_counts
BEGIN
    UPDATE skill_community_baselines SET most_common_workflow_phase = (
        SELECT p.workflow_phase FROM skill_phase_counts p WHERE p.skill_name = OLD.skill_name
        ORDER BY p.invocation_count DESC, p.workflow_phase LIMIT 1)
    WHERE skill_name = OLD.skill_name;
END;

------------------------------------------------------------------ triggers: experiments

-- datetime('now') and offsets are welcome; what is kept is UTC with milliseconds.
CREATE TRIGGER trg_ab_test_configs_dates AFTER INSERT ON ab_test_configs
WHEN strftime('%Y-%m-%dT%H:%M:%fZ', NEW.start_date) IS NOT NEW.start_date
    OR strftime('%Y-%m-%dT%H:%M:%fZ', NEW.end_date) IS NOT NEW.end_date
BEGIN
    UPDATE ab_test_configs SET start_date = strftime('%Y-%m-%dT%H:%M:%fZ', NEW.start_date),
        end_date = strftime('%Y-%m-%dT%H:%M:%fZ', NEW.end_date)
    WHERE test_id = NEW.test_id;
END;

CREATE TRIGGER trg_ab_test_configs_dates_update AFTER UPDATE OF start_date, end_date ON ab_test_configs
WHEN strftime('%Y-%m-%dT%H:%M:%fZ', NEW.start_date) IS NOT NEW.start_date
    OR strftime('%Y-%m-%dT%H:%M:%fZ', NEW.end_date) IS NOT NEW.end_date
BEGIN
    UPDATE ab_test_configs SET start_date = strftime('%Y-%m-%dT%H:%M:%fZ', NEW.start_date),
        end_date = strftime('%Y-%m-%dT%H:%M:%fZ', NEW.end_date)
    WHERE test_id = NEW.test_id;
END;

CREATE TRIGGER trg_ab_events_before_update BEFORE UPDATE ON ab_test_events
BEGIN
    SELECT raise(ABORT, 'What happened to an experiment does not change.');
END;

CREATE TRIGGER trg_ab_events_before_delete BEFORE DELETE ON ab_test_events
WHEN EXISTS (SELECT 1 FROM ab_test_configs c WHERE c.test_id = OLD.test_id)
BEGIN
    SELECT raise(ABORT, 'What happened to an experiment goes only with the experiment.');
END;

CREATE TRIGGER trg_ab_assignments_after_insert AFTER INSERT ON ab_test_assignments
BEGIN
    INSERT INTO ab_test_user_sums (test_id, user_id, group_name, assigned_at, outcome_count, completed_count,
        duration_sum, duration_count, rating_sum, rating_count)
    SELECT NEW.test_id, NEW.user_id, NEW.group_name, NEW.assigned_at, count(*), ifnull(sum(o.completed), 0),
        ifnull(sum(o.duration_seconds), 0.0), count(o.duration_seconds), ifnull(sum(o.user_rating), 0.0),
        count(o.user_rating)
    FROM ab_test_outcomes o WHERE o.test_id = NEW.test_id AND o.user_id = NEW.user_id;
    INSERT INTO ab_test_group_counts (test_id, group_name, user_count, outcome_count, completed_count, duration_sum,
        duration_count, rating_sum, rating_count)
    SELECT s.test_id, s.group_name, 1, s.outcome_count, s.completed_count, s.duration_sum, s.duration_count,
        s.rating_sum, s.rating_count
    FROM ab_test_user_sums s WHERE s.test_id = NEW.test_id AND s.user_id = NEW.user_id
    ON CONFLICT (test_id, group_name) DO UPDATE SET
        user_count = user_count + 1,
        outcome_count = outcome_count + excluded.outcome_count,
        completed_count = completed_count + excluded.completed_count,
        duration_sum = duration_sum + excluded.duration_sum,
        duration_count = duration_count + excluded.duration_count,
        rating_sum = rating_sum + excluded.rating_sum,
        rating_count = rating_count + excluded.rating_count;
END;

CREATE TRIGGER trg_ab_assignments_after_delete AFTER DELETE ON ab_test_assignments
BEGIN
    UPDATE ab_test_group_counts SET
        user_count = user_count - 1,
        outcome_count = outcome_count - s.outcomes,
        completed_count = completed_count - s.completed,
        duration_sum = CASE WHEN duration_count > s.durations THEN duration_sum - s.duration ELSE 0.0 END,
        duration_count = duration_count - s.durations,
        rating_sum = CASE WHEN rating_count > s.ratings THEN rating_sum - s.rating ELSE 0.0 END,
        rating_count = rating_count - s.ratings
    FROM (
        SELECT u.outcome_count AS outcomes, u.completed_count AS completed, u.duration_sum AS duration,
            u.duration_count AS durations, u.rating_sum AS rating, u.rating_count AS ratings
        FROM ab_test_user_sums u WHERE u.test_id = OLD.test_id AND u.user_id = OLD.user_id
    ) s
    WHERE test_id = OLD.test_id AND group_name = OLD.group_name;
    DELETE FROM ab_test_group_counts
    WHERE test_id = OLD.test_id AND group_name = OLD.group_name AND user_count = 0;
    DELETE FROM ab_test_user_sums WHERE test_id = OLD.test_id AND user_id = OLD.user_id;
END;

CREATE TRIGGER trg_ab_assignments_before_update BEFORE UPDATE OF test_id, user_id, group_name ON ab_test_assignments
WHEN NEW.test_id <> OLD.test_id OR NEW.user_id <> OLD.user_id OR NEW.group_name <> OLD.group_name
BEGIN
    SELECT raise(ABORT, 'An assignment does not change: delete it and insert another.');
END;

CREATE TRIGGER trg_ab_assignments_after_update AFTER UPDATE OF assigned_at ON ab_test_assignments
BEGIN
    UPDATE ab_test_user_sums SET assigned_at = NEW.assigned_at
    WHERE test_id = NEW.test_id AND user_id = NEW.user_id;
END;

CREATE TRIGGER trg_ab_outcomes_after_insert AFTER INSERT ON ab_test_outcomes
BEGIN
    UPDATE ab_test_group_counts SET
        outcome_count = outcome_count + 1,
        completed_count = completed_count + NEW.completed,
        duration_sum = duration_sum + ifnull(NEW.duration_seconds, 0.0),
        duration_count = duration_count + (NEW.duration_seconds IS NOT NULL),
        rating_sum = rating_sum + ifnull(NEW.user_rating, 0.0),
        rating_count = rating_count + (NEW.user_rating IS NOT NULL)
    WHERE test_id = NEW.test_id AND group_name = (SELECT s.group_name FROM ab_test_user_sums s
        WHERE s.test_id = NEW.test_id AND s.user_id = NEW.user_id);
    UPDATE ab_test_user_sums SET
        outcome_count = outcome_count + 1,
        completed_count = completed_count + NEW.completed,
        duration_sum = duration_sum + ifnull(NEW.duration_seconds, 0.0),
        duration_count = duration_count + (NEW.duration_seconds IS NOT NULL),
        rating_sum = rating_sum + ifnull(NEW.user_rating, 0.0),
        rating_count = rating_count + (NEW.user_rating IS NOT NULL)
    WHERE test_id = NEW.test_id AND user_id = NEW.user_id;
END;

-- What is left after the last duration or rating is 0, not what rounding left of a sum.
CREATE TRIGGER trg_ab_outcomes_after_delete AFTER DELETE ON ab_test_outcomes
BEGIN
    UPDATE ab_test_group_counts SET
        outcome_count = outcome_count - 1,
        completed_count = completed_count - OLD.completed,
        duration_sum = CASE WHEN duration_count > (OLD.duration_seconds IS NOT NULL)
            THEN duration_sum - ifnull(OLD.duration_seconds, 0.0) ELSE 0.0 END,
        duration_count = duration_count - (OLD.duration_seconds IS NOT NULL),
        rating_sum = CASE WHEN rating_count > (OLD.user_rating IS NOT NULL)
            THEN rating_sum - ifnull(OLD.user_rating, 0.0) ELSE 0.0 END,
        rating_count = rating_count - (OLD.user_rating IS NOT NULL)
    WHERE test_id = OLD.test_id AND group_name = (SELECT s.group_name FROM ab_test_user_sums s
        WHERE s.test_id = OLD.test_id AND s.user_id = OLD.user_id);
    UPDATE ab_test_user_sums SET
        outcome_count = outcome_count - 1,
        completed_count = completed_count - OLD.completed,
        duration_sum = CASE WHEN duration_count > (OLD.duration_seconds IS NOT NULL)
            THEN duration_sum - ifnull(OLD.duration_seconds, 0.0) ELSE 0.0 END,
        duration_count = duration_count - (OLD.duration_seconds IS NOT NULL),
        rating_sum = CASE WHEN rating_count > (OLD.user_rating IS NOT NULL)
            THEN rating_sum - ifnull(OLD.user_rating, 0.0) ELSE 0.0 END,
        rating_count = rating_count - (OLD.user_rating IS NOT NULL)
    WHERE test_id = OLD.test_id AND user_id = OLD.user_id;
END;

CREATE TRIGGER trg_ab_outcomes_after_update AFTER UPDATE OF test_id, user_id, completed, duration_seconds, user_rating
ON ab_test_outcomes
BEGIN
    UPDATE ab_test_group_counts SET
        outcome_count = outcome_count - 1,
        completed_count = completed_count - OLD.completed,
        duration_sum = CASE WHEN duration_count > (OLD.duration_seconds IS NOT NULL)
            THEN duration_sum - ifnull(OLD.duration_seconds, 0.0) ELSE 0.0 END,
        duration_count = duration_count - (OLD.duration_seconds IS NOT NULL),
        rating_sum = CASE WHEN rating_count > (OLD.user_rating IS NOT NULL)
            THEN rating_sum - ifnull(OLD.user_rating, 0.0) ELSE 0.0 END,
        rating_count = rating_count - (OLD.user_rating IS NOT NULL)
    WHERE test_id = OLD.test_id AND group_name = (SELECT s.group_name FROM ab_test_user_sums s
        WHERE s.test_id = OLD.test_id AND s.user_id = OLD.user_id);
    UPDATE ab_test_user_sums SET
        outcome_count = outcome_count - 1,
        completed_count = completed_count - OLD.completed,
        duration_sum = CASE WHEN duration_count > (OLD.duration_seconds IS NOT NULL)
            THEN duration_sum - ifnull(OLD.duration_seconds, 0.0) ELSE 0.0 END,
        duration_count = duration_count - (OLD.duration_seconds IS NOT NULL),
        rating_sum = CASE WHEN rating_count > (OLD.user_rating IS NOT NULL)
            THEN rating_sum - ifnull(OLD.user_rating, 0.0) ELSE 0.0 END,
        rating_count = rating_count - (OLD.user_rating IS NOT NULL)
    WHERE test_id = OLD.test_id AND user_id = OLD.user_id;
    UPDATE ab_test_group_counts SET
        outcome_count = outcome_count + 1,
        completed_count = completed_count + NEW.completed,
        duration_sum = duration_sum + ifnull(NEW.duration_seconds, 0.0),
        duration_count = duration_count + (NEW.duration_seconds IS NOT NULL),
        rating_sum = rating_sum + ifnull(NEW.user_rating, 0.0),
        rating_count = rating_count + (NEW.user_rating IS NOT NULL)
    WHERE test_id = NEW.test_id AND group_name = (SELECT s.group_name FROM ab_test_user_sums s
        WHERE s.test_id = NEW.test_id AND s.user_id = NEW.user_id);
    UPDATE ab_test_user_sums SET
        outcome_count = outcome_count + 1,
        completed_count = completed_count + NEW.completed,
        duration_sum = duration_sum + ifnull(NEW.duration_seconds, 0.0),
        duration_count = duration_count + (NEW.duration_seconds IS NOT NULL),
        rating_sum = rating_sum + ifnull(NEW.user_rating, 0.0),
        rating_count = rating_count + (NEW.user_rating IS NOT NULL)
    WHERE test_id = NEW.test_id AND user_id = NEW.user_id;
END;

------------------------------------------------------------------ views: the read API

CREATE VIEW v_realtime_skill_dashboard AS
SELECT c.skill_name, m.kind, c.last_invocation_at,
       ifnull(w.invocation_count_1h, 0) AS invocation_count_1h,
       ifnull(w.invocation_count_24h, 0) AS invocation_count_24h,
       CASE WHEN w.completed_count_24h + w.failed_count_24h > 0
           THEN 1.0 * w.completed_count_24h / (w.completed_count_24h + w.failed_count_24h) END
           AS avg_completion_rate_24h,
       m.completion_rate, m.invocation_count AS total_invocations, m.avg_duration_seconds,
       c.is_anomalous, c.anomaly_score, c.updated_at
FROM skill_metrics_cache c
LEFT JOIN skill_window_counts w ON w.skill_name = c.skill_name
LEFT JOIN skill_metrics m ON m.skill_name = c.skill_name;

-- The seven UTC days that end today. trend_slope is the change of the daily completion
-- rate per day: least squares, each day weighted by its completed and failed invocations.
-- With x the day's number and w its weight, w*y is the count of completed ones, so that
-- every sum is a whole number and the slope is the quotient of two exact values.
-- A slope is called a trend where the Cochran-Armitage test for trend in proportions
-- (Armitage 1955) rejects "no trend" at 5 %: chi-square above 3.841 at one degree of freedom.
CREATE VIEW v_skill_effectiveness_trend AS
SELECT skill_name,
       invocation_count_7d,
       CASE WHEN w > 0 THEN 1.0 * wy / w END AS avg_completion_rate_7d,
       CASE WHEN duration_count > 0 THEN duration_ms_sum / 1000.0 / duration_count END AS avg_duration_seconds_7d,
       days_with_data,
       CASE WHEN w * wxx - wx * wx > 0 THEN 1.0 * (w * wxy - wx * wy) / (w * wxx - wx * wx) END AS trend_slope,
       CASE WHEN w < 20 OR w * wxx - wx * wx <= 0 THEN 'not enough data'
            WHEN wy = 0 OR wy = w THEN 'stable'
            WHEN 1.0 * (w * wxy - wx * wy) * (w * wxy - wx * wy) * w
                / (1.0 * (w * wxx - wx * wx) * wy * (w - wy)) < 3.841 THEN 'stable'
            WHEN w * wxy - wx * wy > 0 THEN 'improving'
            ELSE 'declining' END AS trend
FROM (
    SELECT skill_name, sum(n) AS invocation_count_7d, sum(duration_ms_sum) AS duration_ms_sum,
           sum(duration_count) AS duration_count, sum(weight > 0) AS days_with_data,
           sum(weight) AS w, sum(weight * x) AS wx, sum(weight * x * x) AS wxx,
           sum(completed_count) AS wy, sum(completed_count * x) AS wxy
    FROM (
        SELECT m.skill_name, d.invocation_count AS n, d.completed_count, d.duration_ms_sum, d.duration_count,
               d.completed_count + d.failed_count AS weight,
               CAST(julianday(d.day) - julianday('now', 'start of day', '-6 days') AS INTEGER) AS x
        FROM skill_metrics m CROSS JOIN skill_day_buckets d
        WHERE d.skill_name = m.skill_name
            AND d.day >= strftime('%Y-%m-%dT00:00:00.000Z', 'now', '-6 days')
            AND d.day <= strftime('%Y-%m-%dT00:00:00.000Z', 'now')
    )
    GROUP BY skill_name
);

-- Community figures of fewer users than community_min_users (5 unless set) are not shown.
CREATE VIEW v_community_baseline_comparison AS
SELECT user_id, skill_name, user_invocations, user_completion_rate, user_avg_duration_seconds,
       total_users, global_completion_rate, global_avg_duration_seconds,
       user_completion_rate - global_completion_rate AS delta_from_baseline,
       user_avg_duration_seconds - global_avg_duration_seconds AS duration_delta_seconds,
       most_common_workflow_phase, effectiveness_percentile
FROM (
    SELECT u.user_id, u.skill_name, u.invocation_count AS user_invocations,
           CASE WHEN u.completed_count + u.failed_count > 0
               THEN 1.0 * u.completed_count / (u.completed_count + u.failed_count) END AS user_completion_rate,
           CASE WHEN u.duration_count > 0
               THEN u.duration_ms_sum / 1000.0 / u.duration_count END AS user_avg_duration_seconds,
           b.total_users, b.global_completion_rate, b.global_avg_duration_seconds, b.most_common_workflow_phase,
           b.effectiveness_percentile
    FROM user_skill_metrics u
    LEFT JOIN skill_community_baselines b ON b.skill_name = u.skill_name AND b.total_users >= ifnull(
        (SELECT CAST(s.value AS INTEGER) FROM store_settings s WHERE s.name = 'community_min_users'), 5)
);

-- Every pair in both directions; lift = P(A and B) / (P(A) P(B)) over sessions.
CREATE VIEW v_skill_dependency_network AS
SELECT skill_a, skill_b, co_occurrence_count, lift_score,
       CASE WHEN lift_score > 1.0 THEN 'positive'
            WHEN lift_score < 1.0 THEN 'negative'
            WHEN lift_score = 1.0 THEN 'independent' END AS relationship_type,
       sessions_a, sessions_b, last_updated
FROM (
    SELECT d.skill_a, d.skill_b, d.co_occurrence_count,
           1.0 * d.co_occurrence_count * n.value / (a.session_count * b.session_count) AS lift_score,
           a.session_count AS sessions_a, b.session_count AS sessions_b, d.last_updated
    FROM skill_dependencies d JOIN skill_metrics a ON a.skill_name = d.skill_a
        JOIN skill_metrics b ON b.skill_name = d.skill_b JOIN store_counts n ON n.name = 'sessions'
    UNION ALL
    SELECT d.skill_b, d.skill_a, d.co_occurrence_count,
           1.0 * d.co_occurrence_count * n.value / (a.session_count * b.session_count),
           b.session_count, a.session_count, d.last_updated
    FROM skill_dependencies d JOIN skill_metrics a ON a.skill_name = d.skill_a
        JOIN skill_metrics b ON b.skill_name = d.skill_b JOIN store_counts n ON n.name = 'sessions'
);

CREATE VIEW v_ab_test_summary AS
SELECT t.test_id, t.test_name, t.status, t.control_strategy, t.treatment_strategy, t.start_date, t.end_date,
       t.min_sample_size, t.assignment_ratio,
       ifnull(c.user_count, 0) AS control_users, ifnull(x.user_count, 0) AS treatment_users,
       ifnull(c.outcome_count, 0) AS control_outcomes, ifnull(x.outcome_count, 0) AS treatment_outcomes,
       ifnull(c.completed_count, 0) AS control_completed, ifnull(x.completed_count, 0) AS treatment_completed,
       CASE WHEN c.outcome_count > 0 THEN 1.0 * c.completed_count / c.outcome_count END AS control_completion_rate,
       CASE WHEN x.outcome_count > 0 THEN 1.0 * x.completed_count / x.outcome_count END AS treatment_completion_rate,
       CASE WHEN c.outcome_count > 0 AND x.outcome_count > 0
           THEN 1.0 * x.completed_count / x.outcome_count - 1.0 * c.completed_count / c.outcome_count END
           AS completion_rate_delta,
       CASE WHEN c.duration_count > 0 THEN c.duration_sum / c.duration_count END AS control_avg_duration_seconds,
       CASE WHEN x.duration_count > 0 THEN x.duration_sum / x.duration_count END AS treatment_avg_duration_seconds,
       CASE WHEN c.rating_count > 0 THEN c.rating_sum / c.rating_count END AS control_avg_rating,
       CASE WHEN x.rating_count > 0 THEN x.rating_sum / x.rating_count END AS treatment_avg_rating
FROM ab_test_configs t
LEFT JOIN ab_test_group_counts c ON c.test_id = t.test_id AND c.group_name = 'control'
LEFT JOIN ab_test_group_counts x ON x.test_id = t.test_id AND x.group_name = 'treatment';

-- Every known skill, also those that never ran; the category it most surely belongs to, how surely, and who said so.
CREATE VIEW v_multimodal_skill_catalog AS
SELECT k.skill_name, m.kind, nullif(o.modality_type, 'unknown') AS modality_type,
       ifnull(g.domain, nullif(o.modality_type, 'unknown')) AS domain, g.category_name,
       o.input_format, o.output_format, ifnull(o.requires_human_review, 0) AS requires_human_review,
       ifnull(m.invocation_count, 0) AS invocation_count, m.completion_rate, m.avg_duration_seconds,
       m.last_invoked_at, d.description, n.confidence_score AS category_confidence,
       n.assigned_by AS category_assigned_by
FROM (
    SELECT skill_name FROM skill_metrics UNION SELECT skill_name FROM skill_modalities
    UNION SELECT skill_name FROM skill_category_mapping UNION SELECT skill_name FROM skill_description
) k
LEFT JOIN skill_metrics m ON m.skill_name = k.skill_name
LEFT JOIN skill_modalities o ON o.skill_name = k.skill_name
LEFT JOIN skill_description d ON d.skill_name = k.skill_name
LEFT JOIN skill_categories g ON g.category_id = (
    SELECT a.category_id FROM skill_category_mapping a JOIN skill_categories b ON b.category_id = a.category_id
    WHERE a.skill_name = k.skill_name AND (a.assigned_by <> 'person' OR ifnull(a.confidence_score, 1) > 0)
    ORDER BY b.scheme <> 'session-buddy', a.assigned_by <> 'person', a.confidence_score DESC, a.category_id LIMIT 1)
LEFT JOIN skill_category_mapping n ON n.skill_name = k.skill_name AND n.category_id = g.category_id;
