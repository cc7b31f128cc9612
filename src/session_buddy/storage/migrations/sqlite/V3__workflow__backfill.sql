-- Counts everything V3 keeps again from the event log.

DELETE FROM skill_phase_counts;

INSERT INTO skill_phase_counts (skill_name, workflow_phase, invocation_count, completed_count, failed_count)
SELECT skill_name, workflow_phase, count(*), count(*) FILTER (WHERE outcome = 'completed'),
    count(*) FILTER (WHERE outcome = 'failed')
FROM skill_invocation WHERE workflow_phase IS NOT NULL GROUP BY skill_name, workflow_phase;
