DROP TABLE skill_description;
DROP TABLE text_embedding;
