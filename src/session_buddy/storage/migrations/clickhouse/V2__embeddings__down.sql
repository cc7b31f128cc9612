DROP TABLE IF EXISTS skill_description SYNC;
DROP TABLE IF EXISTS text_embedding SYNC;
