BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
CREATE TABLE audit_log (
	id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	guild_id BIGINT, 
	actor_id BIGINT, 
	action VARCHAR(16) NOT NULL, 
	subject VARCHAR(64) NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_audit_log PRIMARY KEY (id)
);
INSERT INTO "audit_log" VALUES(1,'2026-11-28 18:01:27.321773',NULL,0,'blocked','member 99','spam');
INSERT INTO "audit_log" VALUES(2,'2026-11-28 18:01:27.338983',NULL,0,'announced','','A restart at noon.');
INSERT INTO "audit_log" VALUES(3,'2026-11-28 18:01:27.341569',10,1,'settings','','words');
CREATE TABLE blocks (
	kind VARCHAR(8) NOT NULL, 
	target_id BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_blocks PRIMARY KEY (kind, target_id)
);
INSERT INTO "blocks" VALUES('member',99,'spam','2026-11-28 18:01:27.319748');
CREATE TABLE favourites (
	user_id BIGINT NOT NULL, 
	riff_id VARCHAR(12) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_favourites PRIMARY KEY (user_id, riff_id), 
	CONSTRAINT fk_favourites_riff_id_riffs FOREIGN KEY(riff_id) REFERENCES riffs (id) ON DELETE CASCADE
);
INSERT INTO "favourites" VALUES(2,'f22ktdew9nzg','2026-11-28 17:22:13.003148');
CREATE TABLE guild_settings (
	guild_id BIGINT NOT NULL, 
	jam_steer VARCHAR(8) NOT NULL, 
	jam_stop VARCHAR(8) NOT NULL, 
	dj_role_id BIGINT, rules TEXT, 
	CONSTRAINT pk_guild_settings PRIMARY KEY (guild_id)
);
INSERT INTO "guild_settings" VALUES(10,'starter','anyone',NULL,'{"member_hour":3,"word_action":"refuse","words":["bad"]}');
CREATE TABLE jams (
	id VARCHAR(12) NOT NULL, 
	guild_id BIGINT, 
	voice_channel_id BIGINT, 
	text_channel_id BIGINT, 
	message_id BIGINT, 
	starter_id BIGINT, 
	starter_name TEXT, 
	bitrate INTEGER NOT NULL, 
	seed_image VARCHAR(80) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	state TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_jams PRIMARY KEY (id)
);
INSERT INTO "jams" VALUES('jamjamjamjam',10,6,5,7,1,'Ann',96000,'steady','paused','{"version":1,"now":{"walk":{"seed_image":"steady","here":{"prompt":"funky sax","seed":0,"denoising":0.75},"there":{"prompt":"church bells","seed":1,"denoising":0.75},"at":0.25,"ahead":[0.625,1.0],"chunk":2,"negative":"","guidance":null,"steps":null,"scheduler":null},"start":312},"coming":{"walk":{"seed_image":"steady","here":{"prompt":"funky sax","seed":0,"denoising":0.75},"there":{"prompt":"church bells","seed":1,"denoising":0.75},"at":0.625,"ahead":[1.0],"chunk":3,"negative":"","guidance":null,"steps":null,"scheduler":null},"start":624},"at":432,"heard":7,"ballot":{"votes":[{"user_id":1456436831846400004,"name":"ada","prompt":"church bells","cast_s":1.28}]},"steered_by":[1456436831846400004,"ada"]}','2026-11-28 17:22:13.602794','2026-11-28 18:01:27');
CREATE TABLE jobs (
	id VARCHAR(12) NOT NULL, 
	request TEXT NOT NULL, 
	author_id BIGINT NOT NULL, 
	author_name TEXT NOT NULL, 
	guild_id BIGINT, 
	channel_id BIGINT, 
	message_id BIGINT, 
	token TEXT, 
	token_expires_at DATETIME, 
	parent_id VARCHAR(12), 
	created_at DATETIME NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	error TEXT, second_parent_id VARCHAR(12), audience_id BIGINT, 
	CONSTRAINT pk_jobs PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES('f22ktdew9nzg','{"prompt":"Funky (Sax:1.3) – Größe 🎷","negative":"","seed":1,"seed_image":null,"denoising":0.75,"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,"target":null,"alpha":0.0,"piece":null}',1,'Ann',10,5,100,NULL,NULL,NULL,'2026-11-28 18:01:27','done',1,NULL,NULL,5);
INSERT INTO "jobs" VALUES('80jdw8zj6tq9','{"prompt":"church bells","negative":"","seed":1,"seed_image":"sha256:d88a0ca7e109f9de3af0dc7324457b29734328346d2284bc42d1f4db20898fa3","denoising":0.6,"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,"target":null,"alpha":0.0,"piece":null}',2,'Bob',10,5,101,NULL,NULL,'f22ktdew9nzg','2026-11-28 18:01:27','done',1,NULL,NULL,5);
INSERT INTO "jobs" VALUES('3q49xst3cw06','{"prompt":"its child","negative":"","seed":1,"seed_image":null,"denoising":0.75,"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,"target":null,"alpha":0.0,"piece":null}',2,'Bob',10,5,103,NULL,NULL,'3pr1a4vreba6','2026-11-28 18:01:27','done',1,NULL,NULL,5);
INSERT INTO "jobs" VALUES('2nhn2hsj4k6b','{"prompt":"slow organ","negative":"","seed":11,"seed_image":null,"denoising":0.75,"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,"target":null,"alpha":0.0,"piece":null}',2,'Bob',10,5,NULL,'token','2026-11-28 17:22:13.086660',NULL,'2026-11-28 18:01:27','running',1,NULL,NULL,5);
INSERT INTO "jobs" VALUES('0kb318hmvtrg','{"prompt":"nothing","negative":"","seed":1,"seed_image":null,"denoising":0.75,"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,"target":null,"alpha":0.0,"piece":null}',1,'Ann',10,NULL,NULL,NULL,NULL,NULL,'2026-11-28 18:01:27','failed',0,'It could not be made.',NULL,NULL);
CREATE TABLE members (
	user_id BIGINT NOT NULL, 
	remix_allowed BOOLEAN NOT NULL, 
	CONSTRAINT pk_members PRIMARY KEY (user_id)
);
INSERT INTO "members" VALUES(2,0);
CREATE TABLE operator_state (
	id INTEGER NOT NULL, 
	is_draining BOOLEAN NOT NULL, 
	announcement TEXT NOT NULL, 
	announced_at DATETIME, 
	CONSTRAINT pk_operator_state PRIMARY KEY (id)
);
INSERT INTO "operator_state" VALUES(1,0,'A restart at noon.','2026-11-28 18:01:27.338940');
CREATE TABLE quota_charges (
	job_id VARCHAR(12) NOT NULL, 
	guild_id BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, 
	charged_at DATETIME NOT NULL, 
	CONSTRAINT pk_quota_charges PRIMARY KEY (job_id)
);
INSERT INTO "quota_charges" VALUES('2nhn2hsj4k6b',10,2,'2026-11-28 18:01:27.314875');
CREATE TABLE riff_words (
	riff_id VARCHAR(12) NOT NULL, 
	word VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	author_id BIGINT, 
	guild_id BIGINT, 
	audience_id BIGINT, 
	CONSTRAINT pk_riff_words PRIMARY KEY (word, created_at, riff_id), 
	CONSTRAINT fk_riff_words_riff_id_riffs FOREIGN KEY(riff_id) REFERENCES riffs (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "riff_words" VALUES('80jdw8zj6tq9','bells','2026-11-28 17:22:10.202511',2,10,5);
INSERT INTO "riff_words" VALUES('3q49xst3cw06','child','2026-11-28 17:22:11.689788',2,10,5);
INSERT INTO "riff_words" VALUES('80jdw8zj6tq9','church','2026-11-28 17:22:10.202511',2,10,5);
INSERT INTO "riff_words" VALUES('f22ktdew9nzg','funky','2026-11-28 17:22:09.354575',1,10,5);
INSERT INTO "riff_words" VALUES('f22ktdew9nzg','grösse','2026-11-28 17:22:09.354575',1,10,5);
INSERT INTO "riff_words" VALUES('3q49xst3cw06','its','2026-11-28 17:22:11.689788',2,10,5);
INSERT INTO "riff_words" VALUES('f22ktdew9nzg','sax','2026-11-28 17:22:09.354575',1,10,5);
CREATE TABLE "riffs" (
	id VARCHAR(12) NOT NULL, 
	request TEXT NOT NULL, 
	prompt TEXT NOT NULL, 
	prompt_key VARCHAR NOT NULL, 
	seed BIGINT NOT NULL, 
	seed_image VARCHAR(80), 
	mask VARCHAR(80), 
	denoising DOUBLE NOT NULL, 
	model_name TEXT NOT NULL, 
	model_hash VARCHAR(64) NOT NULL, 
	batch INTEGER NOT NULL, 
	author_id BIGINT, 
	author_name TEXT, 
	guild_id BIGINT, 
	channel_id BIGINT, 
	message_id BIGINT, 
	created_at DATETIME NOT NULL, 
	parent_id VARCHAR(12), 
	duration_s DOUBLE NOT NULL, 
	alt TEXT NOT NULL, 
	png VARCHAR(64) NOT NULL, 
	mp3 VARCHAR(64) NOT NULL, 
	picture VARCHAR(64) NOT NULL, 
	remix_allowed BOOLEAN NOT NULL, 
	kind VARCHAR(16) DEFAULT 'riff' NOT NULL, 
	second_parent_id VARCHAR(12), 
	second_image VARCHAR(80), 
	gone VARCHAR(8), audience_id BIGINT, 
	CONSTRAINT pk_riffs PRIMARY KEY (id), 
	CONSTRAINT fk_riffs_parent_id_riffs FOREIGN KEY(parent_id) REFERENCES riffs (id) ON DELETE SET NULL, 
	CONSTRAINT fk_riffs_second_parent_id_riffs FOREIGN KEY(second_parent_id) REFERENCES riffs (id) ON DELETE SET NULL
);
INSERT INTO "riffs" VALUES('f22ktdew9nzg','{"prompt":"Funky (Sax:1.3) – Größe 🎷","negative":"","seed":1,"seed_image":null,"denoising":0.75,"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,"target":null,"alpha":0.0,"piece":null}','Funky (Sax:1.3) – Größe 🎷','funky (sax:1.3) – grösse 🎷',1,NULL,NULL,0.75,'model','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',2,1,'Ann',10,5,100,'2026-11-28 17:22:09.354575',NULL,0.64,'sounds like Funky (Sax:1.3) – Größe 🎷','d88a0ca7e109f9de3af0dc7324457b29734328346d2284bc42d1f4db20898fa3','b88277abb59a5556967093c45aa5d0d68317e5c8c6d9008aeedbff1ec90d80a0','c16bca394681946cde07ebdd257a94e628a0d947d2467ba1ee0886125d07205b',1,'riff',NULL,NULL,NULL,5);
INSERT INTO "riffs" VALUES('80jdw8zj6tq9','{"prompt":"church bells","negative":"","seed":1,"seed_image":"sha256:d88a0ca7e109f9de3af0dc7324457b29734328346d2284bc42d1f4db20898fa3","denoising":0.6,"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,"target":null,"alpha":0.0,"piece":null}','church bells','church bells',1,'sha256:d88a0ca7e109f9de3af0dc7324457b29734328346d2284bc42d1f4db20898fa3',NULL,0.6,'model','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',2,2,'Bob',10,5,101,'2026-11-28 17:22:10.202511','f22ktdew9nzg',0.64,'sounds like church bells','8b1ebe1d55e5444ea9c177df059f119e8cd82370cd7a533eae3aec768fcc979e','3e4a988b8e99f01c4eeadaf82531e622e69813289db141b0734428b3e74198a4','23ed4c7ffc5209accd86551a813acff7acb762086194f8629b0cdb6da24d1e6c',0,'remix',NULL,NULL,NULL,5);
INSERT INTO "riffs" VALUES('3pr1a4vreba6','{"prompt":"gone","negative":"","seed":0,"seed_image":null,"denoising":0.0,"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,"target":null,"alpha":0.0,"piece":null}','','',0,NULL,NULL,0.75,'model','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',2,NULL,NULL,NULL,NULL,NULL,'2026-11-28 17:22:10.938622',NULL,0.64,'','','','',0,'riff',NULL,NULL,'deleted',NULL);
INSERT INTO "riffs" VALUES('3q49xst3cw06','{"prompt":"its child","negative":"","seed":1,"seed_image":null,"denoising":0.75,"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,"target":null,"alpha":0.0,"piece":null}','its child','its child',1,NULL,NULL,0.75,'model','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',2,2,'Bob',10,5,103,'2026-11-28 17:22:11.689788','3pr1a4vreba6',0.64,'sounds like its child','a1b17f940bb29265954217c19dd9e61a95c961eb7690c958f50efdaa2a699772','6fbbba8cab6484e02125194d07178989ff9c4543dee779ce207e2e194b1f0156','e53a9e8bd9c2ebfba9f0d04bd5c715a26fe62b4cc77b02db7b8b4eed7a1b10db',0,'riff',NULL,NULL,NULL,5);
CREATE INDEX ix_favourites_riff_id ON favourites (riff_id);
CREATE INDEX ix_favourites_user_id_created_at ON favourites (user_id, created_at);
CREATE INDEX ix_jobs_state_created_at ON jobs (state, created_at);
CREATE INDEX ix_jams_guild_id_updated_at ON jams (guild_id, updated_at);
CREATE INDEX ix_jams_status ON jams (status);
CREATE INDEX ix_riffs_prompt_key ON riffs (prompt_key);
CREATE INDEX ix_riffs_seed_image ON riffs (seed_image);
CREATE INDEX ix_riffs_message_id ON riffs (message_id);
CREATE INDEX ix_riffs_parent_id ON riffs (parent_id);
CREATE INDEX ix_riffs_author_id_prompt_key ON riffs (author_id, prompt_key);
CREATE INDEX ix_riffs_png ON riffs (png);
CREATE INDEX ix_riffs_mp3 ON riffs (mp3);
CREATE INDEX ix_riffs_picture ON riffs (picture);
CREATE INDEX ix_riffs_second_parent_id ON riffs (second_parent_id) WHERE second_parent_id IS NOT NULL;
CREATE INDEX ix_riffs_second_image ON riffs (second_image) WHERE second_image IS NOT NULL;
CREATE INDEX ix_riffs_created_at_id ON riffs (created_at, id);
CREATE INDEX ix_riffs_author_id_created_at_id ON riffs (author_id, created_at, id);
CREATE INDEX ix_riffs_guild_id_created_at_id_audience_id ON riffs (guild_id, created_at, id, audience_id);
CREATE INDEX ix_riffs_guild_id_prompt_key_audience_id ON riffs (guild_id, prompt_key, audience_id);
CREATE INDEX ix_riff_words_riff_id_word ON riff_words (riff_id, word);
CREATE INDEX ix_riff_words_author_id_word_created_at_riff_id ON riff_words (author_id, word, created_at, riff_id);
CREATE INDEX ix_riff_words_guild_id_word_created_at_riff_id_audience_id ON riff_words (guild_id, word, created_at, riff_id, audience_id);
CREATE INDEX ix_quota_charges_guild_id_charged_at ON quota_charges (guild_id, charged_at);
CREATE INDEX ix_quota_charges_user_id ON quota_charges (user_id);
CREATE INDEX ix_quota_charges_charged_at ON quota_charges (charged_at);
CREATE INDEX ix_audit_log_guild_id_id ON audit_log (guild_id, id);
CREATE INDEX ix_audit_log_created_at ON audit_log (created_at);
CREATE INDEX ix_audit_log_actor_id ON audit_log (actor_id);
COMMIT;
