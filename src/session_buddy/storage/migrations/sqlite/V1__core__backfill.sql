-- Counts everything V1 keeps again from the event log.

DELETE FROM session_skills;
DELETE FROM session_summary;
DELETE FROM skill_metrics;
DELETE FROM skill_error_counts;
DELETE FROM skill_follow_up_counts;
DELETE FROM skill_trait_counts;
UPDATE store_counts SET value = 0 WHERE name = 'sessions';

INSERT INTO skill_metrics (skill_name, kind, plugin, invocation_count, completed_count, failed_count,
    abandoned_count, duration_ms_sum, duration_count, first_invoked_at, last_invoked_at)
SELECT g.skill_name, k.kind, p.plugin, g.invocation_count, g.completed_count, g.failed_count, g.abandoned_count,
    g.duration_ms_sum, g.duration_count, g.first_invoked_at, g.last_invoked_at
FROM (
    SELECT skill_name, min(id) AS first_id, min(id) FILTER (WHERE plugin IS NOT NULL) AS first_plugin_id,
        count(*) AS invocation_count, count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
        count(*) FILTER (WHERE outcome = 'failed') AS failed_count,
        count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned_count,
        ifnull(sum(duration_ms), 0) AS duration_ms_sum, count(duration_ms) AS duration_count,
        min(invoked_at) AS first_invoked_at, max(invoked_at) AS last_invoked_at
    FROM skill_invocation GROUP BY skill_name
) g
JOIN skill_invocation k ON k.id = g.first_id
LEFT JOIN skill_invocation p ON p.id = g.first_plugin_id;

INSERT INTO session_summary (session_id, user_id, source, project, invocation_count, completed_count,
    failed_count, abandoned_count, first_invoked_at, last_invoked_at)
SELECT g.session_id, k.user_id, k.source, p.project, g.invocation_count, g.completed_count, g.failed_count,
    g.abandoned_count, g.first_invoked_at, g.last_invoked_at
FROM (
    SELECT session_id, min(id) AS first_id, min(id) FILTER (WHERE project IS NOT NULL) AS first_project_id,
        count(*) AS invocation_count, count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
        count(*) FILTER (WHERE outcome = 'failed') AS failed_count,
        count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned_count,
        min(invoked_at) AS first_invoked_at, max(invoked_at) AS last_invoked_at
    FROM skill_invocation GROUP BY session_id
) g
JOIN skill_invocation k ON k.id = g.first_id
LEFT JOIN skill_invocation p ON p.id = g.first_project_id;

INSERT INTO session_skills (session_id, skill_name, user_id, invocation_count, completed_count, failed_count,
    abandoned_count, duration_ms_sum, duration_count, first_invoked_at, last_invoked_at, rating,
    alternatives_considered)
SELECT i.session_id, i.skill_name, s.user_id, count(*), count(*) FILTER (WHERE i.outcome = 'completed'),
    count(*) FILTER (WHERE i.outcome = 'failed'), count(*) FILTER (WHERE i.outcome = 'abandoned'),
    ifnull(sum(i.duration_ms), 0), count(i.duration_ms), min(i.invoked_at), max(i.invoked_at),
    (SELECT r.rating FROM skill_invocation r
        WHERE r.session_id = i.session_id AND r.skill_name = i.skill_name AND r.rating IS NOT NULL
        ORDER BY r.invoked_at DESC, r.id DESC LIMIT 1),
    (SELECT r.alternatives_considered FROM skill_invocation r
        WHERE r.session_id = i.session_id AND r.skill_name = i.skill_name AND r.alternatives_considered IS NOT NULL
        ORDER BY r.invoked_at DESC, r.id DESC LIMIT 1)
FROM skill_invocation i JOIN session_summary s ON s.session_id = i.session_id
GROUP BY i.session_id, i.skill_name;

INSERT INTO skill_error_counts (skill_name, error_type, failure_count)
SELECT skill_name, ifnull(error_type, 'other') AS type, count(*) FROM skill_invocation
WHERE outcome = 'failed' GROUP BY skill_name, type;

INSERT INTO skill_follow_up_counts (skill_name, follow_up, follow_up_count)
SELECT i.skill_name, CAST(j.value AS TEXT) AS follow_up, count(*)
FROM skill_invocation i, json_each(i.follow_up_actions) j WHERE j.value IS NOT NULL
GROUP BY i.skill_name, follow_up;

INSERT INTO skill_trait_counts (skill_name, trait, invocation_count)
SELECT i.skill_name, CAST(j.value AS TEXT) AS trait, count(DISTINCT i.id)
FROM skill_invocation i, json_each(i.traits) j WHERE j.value IS NOT NULL
GROUP BY i.skill_name, 2;
