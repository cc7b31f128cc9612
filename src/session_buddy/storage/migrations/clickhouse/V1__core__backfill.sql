-- Counts everything V1 keeps again from the event log.
-- insert_deduplicate = 0: the same counts put in again after they were taken out are no repetition.

TRUNCATE TABLE roll_skill;
TRUNCATE TABLE roll_skill_span;
TRUNCATE TABLE roll_session;
TRUNCATE TABLE roll_session_skill;
TRUNCATE TABLE roll_session_skill_span;
TRUNCATE TABLE roll_error;
TRUNCATE TABLE roll_follow_up;
TRUNCATE TABLE roll_trait;
TRUNCATE TABLE roll_store;

INSERT INTO roll_skill SETTINGS insert_deduplicate = 0
SELECT i.skill_name, count(), countIf(i.outcome = 'completed'), countIf(i.outcome = 'failed'),
       countIf(i.outcome = 'abandoned'), sum(ifNull(i.duration_ms, 0)), count(i.duration_ms), uniqExact(i.session_id)
FROM invocation_log AS i FINAL GROUP BY i.skill_name;

INSERT INTO roll_skill_span SETTINGS insert_deduplicate = 0
SELECT i.skill_name, min(i.invoked_at), max(i.invoked_at),
       fromUnixTimestamp64Milli(toInt64(intDiv(max(i.version), 1048576)), 'UTC'),
       argMinState(toString(i.kind), i.first_version),
       argMinStateIf(toString(assumeNotNull(i.plugin)), i.first_version, i.plugin IS NOT NULL)
FROM invocation_log AS i FINAL GROUP BY i.skill_name;

INSERT INTO roll_session SETTINGS insert_deduplicate = 0
SELECT i.session_id, count(), countIf(i.outcome = 'completed'), countIf(i.outcome = 'failed'),
       countIf(i.outcome = 'abandoned'), min(i.invoked_at), max(i.invoked_at),
       argMinState(toString(i.user_id), i.first_version), argMinState(toString(i.source), i.first_version),
       argMinStateIf(toString(assumeNotNull(i.project)), i.first_version, i.project IS NOT NULL)
FROM invocation_log AS i FINAL GROUP BY i.session_id;

INSERT INTO roll_session_skill SETTINGS insert_deduplicate = 0
SELECT i.session_id, i.skill_name, count(), countIf(i.outcome = 'completed'), countIf(i.outcome = 'failed'),
       countIf(i.outcome = 'abandoned'), sum(ifNull(i.duration_ms, 0)), count(i.duration_ms)
FROM invocation_log AS i FINAL GROUP BY i.session_id, i.skill_name;

INSERT INTO roll_session_skill_span SETTINGS insert_deduplicate = 0
SELECT i.session_id, i.skill_name, min(i.invoked_at), max(i.invoked_at),
       argMinState(toString(i.user_id), i.first_version),
       argMaxStateIf(assumeNotNull(i.rating), (i.invoked_at, i.first_version, i.version), i.rating IS NOT NULL),
       argMaxStateIf(assumeNotNull(i.alternatives_considered), (i.invoked_at, i.first_version, i.version),
           i.alternatives_considered IS NOT NULL)
FROM invocation_log AS i FINAL GROUP BY i.session_id, i.skill_name;

INSERT INTO roll_error SETTINGS insert_deduplicate = 0
SELECT i.skill_name, ifNull(toString(i.error_type), 'other') AS type, count()
FROM invocation_log AS i FINAL WHERE i.outcome = 'failed' GROUP BY i.skill_name, type;

INSERT INTO roll_follow_up SETTINGS insert_deduplicate = 0
SELECT i.skill_name, arrayJoin(JSONExtract(assumeNotNull(i.follow_up_actions), 'Array(String)')) AS action, count()
FROM invocation_log AS i FINAL WHERE i.follow_up_actions IS NOT NULL GROUP BY i.skill_name, action;

INSERT INTO roll_trait SETTINGS insert_deduplicate = 0
SELECT i.skill_name, arrayJoin(arrayDistinct(JSONExtract(toString(assumeNotNull(i.traits)), 'Array(String)'))) AS trait,
       count()
FROM invocation_log AS i FINAL WHERE i.traits IS NOT NULL GROUP BY i.skill_name, trait;

INSERT INTO roll_store SETTINGS insert_deduplicate = 0
SELECT 'sessions', uniqExact(i.session_id) FROM invocation_log AS i FINAL;
