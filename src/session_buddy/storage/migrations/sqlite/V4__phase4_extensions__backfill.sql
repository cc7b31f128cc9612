-- Counts everything V4 keeps again from the event log and from what V1-V3 keep.

DELETE FROM skill_time_series;
DELETE FROM skill_day_buckets;
DELETE FROM skill_minute_buckets;
DELETE FROM skill_duration_counts;
DELETE FROM user_skill_metrics;
DELETE FROM skill_user_interactions WHERE EXISTS (SELECT 1 FROM session_skills s
    WHERE s.session_id = skill_user_interactions.session_id AND s.skill_name = skill_user_interactions.skill_name);
DELETE FROM skill_dependencies;
DELETE FROM ab_test_user_sums;
DELETE FROM ab_test_group_counts;

INSERT INTO skill_time_series (skill_name, timestamp, invocation_count, completed_count, failed_count,
    duration_ms_sum, duration_count, unique_sessions, completion_rate, avg_duration_seconds)
SELECT skill_name, hour, n, completed, failed, duration_ms_sum, duration_count, sessions,
    CASE WHEN completed + failed > 0 THEN 1.0 * completed / (completed + failed) END,
    CASE WHEN duration_count > 0 THEN duration_ms_sum / 1000.0 / duration_count END
FROM (
    SELECT skill_name, substr(invoked_at, 1, 13) || ':00:00.000Z' AS hour, count(*) AS n,
        count(*) FILTER (WHERE outcome = 'completed') AS completed,
        count(*) FILTER (WHERE outcome = 'failed') AS failed,
        ifnull(sum(duration_ms), 0) AS duration_ms_sum, count(duration_ms) AS duration_count,
        count(DISTINCT session_id) AS sessions
    FROM skill_invocation GROUP BY skill_name, hour
);

INSERT INTO skill_duration_counts (skill_name, le_ms, invocation_count)
SELECT skill_name, (SELECT min(b.le_ms) FROM duration_bounds b WHERE b.le_ms >= duration_ms) AS le_ms, count(*)
FROM skill_invocation WHERE duration_ms IS NOT NULL GROUP BY skill_name, 2;

INSERT INTO skill_minute_buckets (skill_name, minute, invocation_count, completed_count, failed_count,
    invocations_before, completed_before, failed_before)
SELECT skill_name, minute, n, completed, failed,
    sum(n) OVER earlier - n, sum(completed) OVER earlier - completed, sum(failed) OVER earlier - failed
FROM (
    SELECT skill_name, substr(invoked_at, 1, 16) || ':00.000Z' AS minute, count(*) AS n,
        count(*) FILTER (WHERE outcome = 'completed') AS completed,
        count(*) FILTER (WHERE outcome = 'failed') AS failed
    FROM skill_invocation
    WHERE invoked_at >= strftime('%Y-%m-%dT%H:%M:00.000Z', 'now', '-48 hours')
    GROUP BY skill_name, minute
)
WINDOW earlier AS (PARTITION BY skill_name ORDER BY minute);

INSERT INTO user_skill_metrics (user_id, skill_name, invocation_count, completed_count, failed_count,
    duration_ms_sum, duration_count)
SELECT user_id, skill_name, count(*), count(*) FILTER (WHERE outcome = 'completed'),
    count(*) FILTER (WHERE outcome = 'failed'), ifnull(sum(duration_ms), 0), count(duration_ms)
FROM skill_invocation GROUP BY user_id, skill_name;

INSERT INTO skill_user_interactions (user_id, session_id, skill_name, invoked_at, completed, rating,
    alternatives_considered)
SELECT user_id, session_id, skill_name, first_invoked_at, completed_count > 0, rating, alternatives_considered
FROM session_skills;

INSERT INTO skill_dependencies (skill_a, skill_b, co_occurrence_count, last_updated)
SELECT a.skill_name, b.skill_name, count(*), strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
FROM session_skills a JOIN session_skills b ON b.session_id = a.session_id AND b.skill_name > a.skill_name
GROUP BY a.skill_name, b.skill_name;

-- is_anomalous and anomaly_score follow from skill_anomalies and stay.
DELETE FROM skill_metrics_cache WHERE skill_name NOT IN (SELECT skill_name FROM skill_metrics);
INSERT INTO skill_metrics_cache (skill_name, last_invocation_at, updated_at)
SELECT skill_name, last_invoked_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM skill_metrics WHERE true
ON CONFLICT (skill_name) DO UPDATE SET last_invocation_at = excluded.last_invocation_at;

DELETE FROM skill_community_baselines WHERE skill_name NOT IN (SELECT skill_name FROM skill_metrics);
INSERT INTO skill_community_baselines (skill_name, total_users, total_invocations, global_completion_rate,
    global_avg_duration_seconds, most_common_workflow_phase, last_updated)
SELECT m.skill_name, (SELECT count(*) FROM user_skill_metrics u WHERE u.skill_name = m.skill_name),
    m.invocation_count, m.completion_rate, m.avg_duration_seconds,
    (SELECT p.workflow_phase FROM skill_phase_counts p WHERE p.skill_name = m.skill_name
        ORDER BY p.invocation_count DESC, p.workflow_phase LIMIT 1),
    strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
FROM skill_metrics m WHERE true
ON CONFLICT (skill_name) DO UPDATE SET
    total_users = excluded.total_users, total_invocations = excluded.total_invocations,
    global_completion_rate = excluded.global_completion_rate,
    global_avg_duration_seconds = excluded.global_avg_duration_seconds,
    most_common_workflow_phase = excluded.most_common_workflow_phase, last_updated = excluded.last_updated;

INSERT INTO ab_test_user_sums (test_id, user_id, group_name, assigned_at, outcome_count, completed_count, duration_sum,
    duration_count, rating_sum, rating_count)
SELECT a.test_id, a.user_id, a.group_name, a.assigned_at, count(o.outcome_id), ifnull(sum(o.completed), 0),
    ifnull(sum(o.duration_seconds), 0.0), count(o.duration_seconds), ifnull(sum(o.user_rating), 0.0),
    count(o.user_rating)
FROM ab_test_assignments a LEFT JOIN ab_test_outcomes o ON o.test_id = a.test_id AND o.user_id = a.user_id
GROUP BY a.test_id, a.user_id;

INSERT INTO ab_test_group_counts (test_id, group_name, user_count, outcome_count, completed_count, duration_sum,
    duration_count, rating_sum, rating_count)
SELECT test_id, group_name, count(*), sum(outcome_count), sum(completed_count), sum(duration_sum),
    sum(duration_count), sum(rating_sum), sum(rating_count)
FROM ab_test_user_sums GROUP BY test_id, group_name;
