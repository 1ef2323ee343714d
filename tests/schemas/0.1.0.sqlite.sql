BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
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
);
INSERT INTO "audit_entry" VALUES(1,'fact',1,1,1,'a01bef224a534a1102a30fdfac5694ee846583b59a4c0eb556b54661e00977a9','{"columns":{"id":1278161592,"name":850376874,"value":2106072189},"rows":"jPKf9w=="}','dc2f2e4d78e9c32d2f384c91c61a1c146561434e04e9f9d1a6f1967739edb053','ada','2026-11-23T22:40:16.750716Z','flow-1');
INSERT INTO "audit_entry" VALUES(2,'fact',2,2,1,'47cd057dd067cd01c00ffef81ce9d510b479bd141678fcc7f0500f2432c39b58','{"columns":{"id":1728209275,"name":4221323943,"value":1872325029},"rows":"jElIfQ=="}','cbbbf4c65722b589c3eff539ec8d2e3423b7d5a343b7fd49045e3a8c6262180e','ada','2026-11-23T22:40:16.753678Z','flow-1');
INSERT INTO "audit_entry" VALUES(3,'environment',1,1,1,'34a14659846f3ddc239d361bf5eade1e84c419d77ef9532bf75a0eb643aa4307','{"columns":{"environment_sha256":3689791207,"git_commit":3528961613,"git_dirty":1278161592,"id":1278161592,"libraries":174140047,"machine":1418922642},"rows":"FHYqgQ=="}','459e585b3122afd758c93b8100909c5e5814a508e64a659a88bc76b96bc4e0f9','ada','2026-11-23T22:40:16.756561Z','flow-1');
INSERT INTO "audit_entry" VALUES(4,'ingest_run',1,1,1,'e55740ff4a543d3b36c911cefcb11cabdcb9988a09c3b8cba55d09a7a18892e9','{"columns":{"environment_id":1278161592,"id":1278161592,"ingest_run_id":866698101,"source":2321533214},"rows":"buXCQg=="}','e152e68b7e2686707af966de97c20062f84685dcf7a0cab3bd1bb231841164a4','ada','2026-11-23T22:40:16.758518Z','flow-1');
INSERT INTO "audit_entry" VALUES(5,'patient',1,8,8,'64033d1c222ad71d3570c7fb7bd8af8d44dfef2bed629e970c85fae07796a43c','{"columns":{"id":1617839178,"patient_key":3573297735,"patient_known":2080108189,"split":2832446397},"rows":"19TqIXT+NSossxAaUJK9eO/5Xj/1WAKKGumwGlY2wGM="}','68af14898dd8cc3c33a72c6c81b83319ec17ec9b5e118eae1be0bb221a29833f','ada','2026-11-23T22:40:16.769534Z','flow-1');
INSERT INTO "audit_entry" VALUES(6,'study',1,8,8,'e3d9e0c84ff9baf705c580de0ce73906bbc31edf0c516981cf0a2aa93f9cb1fb','{"columns":{"body_part":2727836959,"id":1617839178,"patient_id":1617839178,"source":3102689346,"study_uid":2978782701},"rows":"eGQ6HsaAcGNerEeEuknlmXXysPHLFvqMUzrNawPdv7c="}','52e87e3ab97e66a68837917e9f2079fb8cee087bbd265808091c475799e06d6b','ada','2026-11-23T22:40:16.770158Z','flow-1');
INSERT INTO "audit_entry" VALUES(7,'label_version',1,1,1,'f310bcc6de71705f37ba31f6bf5252639ea322c90187847e9b540dc79b65ccb0','{"columns":{"id":1278161592,"note":3457247507,"version":1278161592},"rows":"EeJv4Q=="}','4486954ac886feac0dc07e8111e2d38b9023406823e432664ac0aae619b3eb72','ada','2026-11-23T22:40:16.770754Z','flow-1');
INSERT INTO "audit_entry" VALUES(8,'label',1,8,8,'bcfa1453e59025a3b4bcbd0bea778a4d7f0f65659a6c18dcbae746744e3a8299','{"columns":{"id":1617839178,"label":975197336,"label_version":2080108189,"study_id":1617839178},"rows":"gusNj0tMsdcoT9nYtaHML9aipCAfBRh4fAZwdwh8RgQ="}','2a6ff876ed2152627dcc5d5e574835caa0506731329fa4bfa14bf95c9fa58d28','ada','2026-11-23T22:40:16.771164Z','flow-1');
INSERT INTO "audit_entry" VALUES(9,'image',1,16,16,'8a0d43d54e4463130bad4568f0979b7ace3cb4e6c0224ad2f686d35aa53efe9f','{"columns":{"age":4065177475,"columns":1330779951,"decode_steps":153087066,"extra":620784443,"file_sha256":2297360532,"file_size":3910488227,"format":1327195544,"frame":3172516452,"hardware":723163547,"id":363497116,"image_uid":3894331336,"ingest_run_id":1801658789,"inverted":71656764,"mean_intensity":3283070605,"multi_view":3172516452,"path":3974919969,"patient_id":1154764862,"perceptual_hash":3243431861,"photometric":1253102708,"pixel_sha256":2767137132,"rows":1245497289,"sex":1036268879,"study_id":1154764862,"view":2444557596},"rows":"uP7Bpp16a1Mr3RBr/Y+bKz30IIIe0CexOTdaxVAFeP6WGyVUs/H+SIPiSUsUKh8Q2u0VqWZ0SVE5Y1mimzFSXg=="}','c0dca3680e7e750b9774adccccc895e3671e74beeaa26ac6d8272352336fa9e6','ada','2026-11-23T22:40:16.771637Z','flow-1');
INSERT INTO "audit_entry" VALUES(10,'patient',9,9,1,'007c255a39ebc57faff26e9e33d435567d53f7dc2875b56ec3e8c9433eee5530','{"columns":{"id":2230761648,"patient_key":3004742267,"patient_known":1278161592,"split":3788348907},"rows":"j+0wLg=="}','c7b8f9950372ed02bab5a20f9c24cdf54d7638c2442277b54bb92df629564fe5','ada','2026-11-23T22:40:16.788893Z','flow-1');
INSERT INTO "audit_entry" VALUES(11,'study',9,9,1,'be918088a23103dfe71ce9537d8ebeb0867bababd97707dc811c4937c83d8a20','{"columns":{"body_part":1609541530,"id":2230761648,"patient_id":2230761648,"source":2321533214,"study_uid":2325055166},"rows":"vQT60g=="}','f10d135f3150f7436e4fed86ee936d9b6168424069151934900174d2d23ee9e2','ada','2026-11-23T22:40:16.789258Z','flow-1');
INSERT INTO "audit_entry" VALUES(12,'image',17,17,1,'7187ed71fd90e9120171cfd2a6633cc378a744ab2da78c2d49bee8de325fa15e','{"columns":{"age":680050933,"columns":408918043,"decode_steps":2625363466,"extra":1014954190,"file_sha256":1566718820,"file_size":1523053989,"format":721489981,"frame":1429472249,"hardware":1429472249,"id":2637976933,"image_uid":44181608,"ingest_run_id":1278161592,"inverted":1429472249,"mean_intensity":732434056,"multi_view":1429472249,"path":4269573193,"patient_id":2230761648,"perceptual_hash":2612723902,"photometric":1211265471,"pixel_sha256":2542701381,"rows":2467821515,"sex":1168503913,"study_id":2230761648,"view":1689757391},"rows":"4yLSJw=="}','fcd32dcb2ac599b500b21d9b99020768b751684f21009fe2a7e1d54338eab721','ada','2026-11-23T22:40:16.789588Z','flow-1');
INSERT INTO "audit_entry" VALUES(13,'quarantined_file',1,1,1,'756a5f99e58e5837cafdc33851fac4abeb3902c8a52ab91fa7e880da94163ac8','{"columns":{"file_sha256":4005582118,"file_size":3763052832,"id":1278161592,"ingest_run_id":1278161592,"path":1437074746,"reason":3199531860,"reason_code":1388644572,"root":3166636383},"rows":"V9QfuQ=="}','ee217770b9861d518248bc6a9a7d9f4677fcfe3747f7248f684c0b7e34301107','ada','2026-11-23T22:40:16.802101Z','flow-1');
INSERT INTO "audit_entry" VALUES(14,'ingest_event',1,1,1,'cd7c70c394027377d1c860ae0e022aa277dac0e3516e56c476ddb51c6234ed6d','{"columns":{"id":1278161592,"ingest_run_id":1278161592,"n_changed":1429472249,"n_filtered":1429472249,"n_ignored":1429472249,"n_new":2637976933,"n_quarantined":1278161592,"n_unchanged":1429472249,"seconds":1145967126,"status":3389045323},"rows":"vpuY6g=="}','4fe27fd085b2bbb96110e6373d0a6e81b170263fb9e544ffa132e0799bc5e802','ada','2026-11-23T22:40:16.804597Z','flow-1');
INSERT INTO "audit_entry" VALUES(15,'dataset_version',1,1,1,'ea9a0542ffb552430f822937c7eb8c0dff6fd0461e8b02a9add9462f8aa8bbf3','{"columns":{"dataset_id":2939268306,"guard":3035213400,"guard_status":1247597167,"id":1278161592,"label_version":1278161592,"manifest_sha256":3049848467,"n_images":2936682471,"n_patients":2649590257,"n_studies":2649590257},"rows":"j3SFNg=="}','6a18989f85d57bc134dc3d72c8a06b5e8c4942e2064a7a93d76dde924afff1e2','ada','2026-11-23T22:40:16.806078Z','flow-1');
INSERT INTO "audit_entry" VALUES(16,'dataset_patient',1,8,8,'2e610c761001aff25770fcd55d0fbee3f1054c6388ada787e5e845832d0137f3','{"columns":{"dataset_version_id":2080108189,"id":1617839178,"patient_id":1617839178,"split":2832446397},"rows":"eI8eA4v6zs3lK64+g1NMuA094HcwVLbqInIWM0qlUSk="}','984403ae17917fdfdd93d5b0af17272bf22bc73a124d0c9d33021769fde3cd48','ada','2026-11-23T22:40:16.806451Z','flow-1');
INSERT INTO "audit_entry" VALUES(17,'dataset_pixels',1,15,15,'d57c8af04f50a8d698398aec8a7512ef1a2abe3d202e3110282ae469a49e5969','{"columns":{"dataset_version_id":1603077049,"id":994115803,"pixel_sha256":3142624529,"split":214375672},"rows":"6MiYnAVuO8zapeqwio0JMJNqmw5xXOXgEJ+AIQjo+ajGQtlNEAO781TLGRO9s8+yCf29QirphTM8Qnu7"}','48ece9a1aacc7ce4ec1d77b1d8eca06ce129c1965b270bc6423955eb22059697','ada','2026-11-23T22:40:16.806786Z','flow-1');
INSERT INTO "audit_entry" VALUES(18,'dataset_member',1,16,16,'10cc28ea1eb6e44f115d0f7aaef28c41eaf56fa24fa42fec176ef05264e97969','{"columns":{"dataset_version_id":1801658789,"excluded_reason":2243784002,"id":363497116,"image_id":363497116,"included":1459864237,"label":71656764,"patient_id":1154764862,"pixel_guard":4242981089,"split":853382878,"study_id":1154764862},"rows":"/JCW7IGm2FpfjJEqDN5nmXHO1eEv5LmcU5SMfmzNxyc2cYOkuzBJBwLb1qlJtKe1WqpXJnmnNYieY8Qq9yS1tw=="}','4b8835c58c99e3cc61fc8345c2cdee66437384d376f132852d7ec7a23b53b7d3','ada','2026-11-23T22:40:16.807175Z','flow-1');
INSERT INTO "audit_entry" VALUES(19,'recipe',1,1,1,'51a3922334a6832d61e4d7a136679190f204844ec34ae86cceacf9a99b5ed640','{"columns":{"content":3579865267,"id":1278161592,"name":3478414743,"recipe_sha256":2158833779},"rows":"v3AjTg=="}','7248758ea07b161dd11713077dc05f672c4b59c247875ee60438e37538d82122','ada','2026-11-23T22:40:16.824845Z','flow-1');
INSERT INTO "audit_entry" VALUES(20,'training_run',1,1,1,'a357ca26ab7e2bfa1d55caecec48204cff760c5c8598b3250015928a31538fd0','{"columns":{"architecture":4031733874,"dataset_version_id":1278161592,"environment_id":1278161592,"id":1278161592,"recipe_id":1278161592,"seed":3493559803,"training_run_id":3337244913,"weights_source":995980392},"rows":"Q16u2w=="}','7ddf7b632ea995ba3611d1d894d4ee01b92f5e96fb1c2d97e484865d15127d9e','ada','2026-11-23T22:40:16.825715Z','flow-1');
INSERT INTO "audit_entry" VALUES(21,'training_epoch',1,1,1,'0c5821a0c5b0d018e6f726ba8292a0bab946d563b484cb815e2f282b1f55d152','{"columns":{"accuracy":4243748211,"epoch":1278161592,"id":1278161592,"learning_rate":3253912369,"loss":960095827,"seconds":730614205,"training_run_id":1278161592,"val_accuracy":3621725872,"val_loss":539154194},"rows":"fhEnjQ=="}','f964258d28c1d7f2912d8ac17b0053f4bf5f6e4ba4a2d52e431d481c238019c3','ada','2026-11-23T22:40:16.837067Z','flow-1');
INSERT INTO "audit_entry" VALUES(22,'training_epoch',2,3,2,'23640f10b0c02890195d148c16353c62083b0b6326c6787aec7af86c6e2f0478','{"columns":{"accuracy":701821462,"epoch":52809232,"id":52809232,"learning_rate":1526775654,"loss":1311947509,"seconds":3963770902,"training_run_id":598082428,"val_accuracy":2221790075,"val_loss":731915014},"rows":"Ucp0qVKqnxo="}','86bc1729188666c92e5db5148c32ea2858156fd922e2a78a2f59e59961e9badd','ada','2026-11-23T22:40:16.839540Z','flow-1');
INSERT INTO "audit_entry" VALUES(23,'training_event',1,1,1,'da4567bdced8b46edf18faefedfd7ee19560eaf08d4f73cc61467cb6b7d24a31','{"columns":{"best_epoch":1728209275,"id":1278161592,"resumable":1429472249,"seconds":3650693807,"status":3389045323,"training_run_id":1278161592,"weights_source":995980392},"rows":"ztYatw=="}','eb1a3bf05e7876400e92306c481f2c073e7e5918371611899a5b1f2967593d33','ada','2026-11-23T22:40:16.839862Z','flow-1');
INSERT INTO "audit_entry" VALUES(24,'model_version',1,1,1,'c1231537aef72e4dd84d5747f2f1b0fc28397c95c6bcdf1250abbf0f5192c2ce','{"columns":{"architecture":4031733874,"artifact_sha256":2366066954,"id":1278161592,"model_version_id":2590082648,"training_run_id":1278161592},"rows":"CTrt9Q=="}','bc0a3a19167ce6b579f634595aa67803d8d536695bea10db17a104976dc09acf','ada','2026-11-23T22:40:16.848395Z','flow-1');
INSERT INTO "audit_entry" VALUES(25,'training_run',2,2,1,'90b505d337de8663822a5a0d23d79a72a6b15d4061a1663640e944b2de7d4a88','{"columns":{"architecture":1563862477,"dataset_version_id":1278161592,"environment_id":1278161592,"id":1728209275,"recipe_id":1278161592,"seed":3493559803,"training_run_id":1185342914,"weights_source":995980392},"rows":"At3ltA=="}','2ab5b1b235e5bcb68d9a0224dcf1e726d45bad62d1e4957160792dfcf5ca979e','ada','2026-11-23T22:40:16.852547Z','flow-1');
INSERT INTO "audit_entry" VALUES(26,'training_epoch',4,4,1,'672d89d756fab0af0891d50cda46c20e32c38740006eabd27ec43691b1ab3e8e','{"columns":{"accuracy":4243748211,"epoch":1278161592,"id":827901693,"learning_rate":3253912369,"loss":960095827,"seconds":730614205,"training_run_id":1728209275,"val_accuracy":3621725872,"val_loss":539154194},"rows":"R+0D6Q=="}','96b2e0fd7eccc60e5befb8bac10467861e858d554c0631c032e5a24541f661ba','ada','2026-11-23T22:40:16.854913Z','flow-1');
INSERT INTO "audit_entry" VALUES(27,'training_epoch',5,6,2,'2432c56b0763103faa6f5991b6ccbcbaab12165dd51ca868018065421247e5ef','{"columns":{"accuracy":701821462,"epoch":52809232,"id":3817145068,"learning_rate":1526775654,"loss":1311947509,"seconds":3963770902,"training_run_id":440336209,"val_accuracy":2221790075,"val_loss":731915014},"rows":"7iAKkImJcQQ="}','9dc1f6fb1db9b301cced9a690b8e4ed7c79917229d474cadd98cafd6597f26ec','ada','2026-11-23T22:40:16.864651Z','flow-1');
INSERT INTO "audit_entry" VALUES(28,'training_event',2,2,1,'4a17085e379742958606d326aeeb9ff3c17498fdd1996b7b330f4bec060efca7','{"columns":{"best_epoch":1728209275,"id":1728209275,"resumable":1429472249,"seconds":3650693807,"status":3389045323,"training_run_id":1728209275,"weights_source":995980392},"rows":"+fkorg=="}','350dbf72e5629fd52d880220f58eaf105cf1397842dd147acecdd7ca17e33dd4','ada','2026-11-23T22:40:16.864934Z','flow-1');
INSERT INTO "audit_entry" VALUES(29,'model_version',2,2,1,'c5df7e201fe109f0e806ac5e5874e63b049bf2d66fab13059d89b5adde791b34','{"columns":{"architecture":1563862477,"artifact_sha256":3123515954,"id":1728209275,"model_version_id":2910351176,"training_run_id":1728209275},"rows":"Ui/kBg=="}','2b5f5caf0877af307e940d5570e04e8c35121797302e3911f85789e62c66bc15','ada','2026-11-23T22:40:16.865098Z','flow-1');
INSERT INTO "audit_entry" VALUES(30,'model_version',3,3,1,'36918f4927a5c4ba67c598a96ebcfbc5df7c08c112d86df532dc07fe5fc9e74f','{"columns":{"architecture":1794014456,"artifact_sha256":1321153959,"id":2115588154,"model_version_id":4212771798},"rows":"w1ee7g=="}','9993a76f95fdec0cfee1dd602505db315086e8058c38554fba1754ca0336de63','ada','2026-11-23T22:40:16.876943Z','flow-1');
INSERT INTO "audit_entry" VALUES(31,'model_member',1,2,2,'42682ab22334ea715d53cd18d3ea2e68edbce099d2846820e716a44cc9de1181','{"columns":{"id":143347903,"member_id":823372946,"model_version_id":3147409781},"rows":"OawGhHYF8JE="}','9b4505d8001828fea15ba362dcd295f1ea5a8c5410383cdbceda5b0ebcddd770','ada','2026-11-23T22:40:16.877239Z','flow-1');
INSERT INTO "audit_entry" VALUES(32,'operating_point',1,3,3,'70cb5f0ab06cfa7c4a9b60c3dd1aab2bcfbbfb1f287f502fae51aada56524526','{"columns":{"id":4251825129,"intercept":3546638518,"level":1412565502,"model_version_id":3723394693,"name":1071533275,"serving":3304411076,"slope":39205535,"target":3681701874,"threshold":1765222782},"rows":"O/5sgqvMKbnhzBrr"}','35d6d75ea13314480b4684e0ac48e6fa50bbd3d72c827e0adfb72bc011225745','ada','2026-11-23T22:40:16.878305Z','flow-1');
INSERT INTO "audit_entry" VALUES(33,'operating_point',4,6,3,'498c79cc42312a73ce8903ec3e7accd369cf7056ce89f1d286d91e7581bda3c8','{"columns":{"id":1291906726,"intercept":3546638518,"level":1412565502,"model_version_id":1659039750,"name":1071533275,"serving":3304411076,"slope":39205535,"target":3681701874,"threshold":1765222782},"rows":"6wCgzxnluLd8Cl1A"}','8f18ced5fe00ee4903ebb5eb97c10f52d3ce70de035fb53114947b68dfa9a613','ada','2026-11-23T22:40:16.881697Z','flow-1');
INSERT INTO "audit_entry" VALUES(34,'operating_point',7,9,3,'975c3d441492b5654d11b434012e2456b5fe555e6e181b5c6b450f1230d5171a','{"columns":{"id":3194378266,"intercept":3546638518,"level":1412565502,"model_version_id":135886215,"name":1071533275,"serving":3304411076,"slope":39205535,"target":3681701874,"threshold":1765222782},"rows":"W1Xk9L3Qhm5wN7vX"}','a7c9d4c7ca659f5d9d8428acacffbc733d840809a48986d177729cdb9d9c4451','ada','2026-11-23T22:40:16.882405Z','flow-1');
INSERT INTO "audit_entry" VALUES(35,'evaluation',1,1,1,'80d9c884f01bfd53fe59970fc37821b9ed267fa121c28daf87387e17a9b19965','{"columns":{"dataset_version_id":1278161592,"environment_id":1278161592,"evaluation_id":2975714505,"id":1278161592,"label_version":1278161592,"model_version_id":2115588154,"purpose":372900103,"recipe_id":1278161592},"rows":"ouzdYg=="}','b0fb4333e1fc445d9430e58cab36bde35c96e9dbdded1178c46a568a2b75f90c','ada','2026-11-23T22:40:16.883518Z','flow-1');
INSERT INTO "audit_entry" VALUES(36,'image_prediction',1,4,4,'e2dd7eee6d94292c5145d5b9c911fe01a45aac3b83dfc0a21ef50b34a916dc85','{"columns":{"evaluation_id":908384184,"id":1741593048,"image_id":83214303,"label":2541978012,"operating_point_id":1428407672,"predicted_label":2423607975,"probability":3300150934,"raw_probability":1358568552,"split":3347312388},"rows":"WQzg5nY8SJZQ4ZAAR7H12w=="}','894eac871386abea3e18b0fe34203f6ded02c98e524cb1047bd89b597b8fd775','ada','2026-11-23T22:40:16.902370Z','flow-1');
INSERT INTO "audit_entry" VALUES(37,'study_prediction',1,2,2,'83ddcd09e1f6279170ee1630bd53cbbcef32dbcb2a1b88a145920971e9edc1a6','{"columns":{"evaluation_id":598082428,"id":143347903,"label":985477693,"n_images":440336209,"operating_point_id":2406283199,"predicted_label":2181125464,"probability":2849486477,"raw_probability":785225143,"split":94278315,"study_id":1880372810},"rows":"oE30EsbE/YI="}','4a32160017bb79b682641cdb7505344ec074acc6915bd76eac1a74f14a66e5d6','ada','2026-11-23T22:40:16.903134Z','flow-1');
INSERT INTO "audit_entry" VALUES(38,'image_prediction',5,10,6,'92382e75dc359febc8f2c3614c0176d768769f83360f70af824f50e15f5bf560','{"columns":{"evaluation_id":568536359,"id":2379254245,"image_id":78821826,"label":638975516,"operating_point_id":2697456192,"predicted_label":4090859369,"probability":1563875677,"raw_probability":122261418,"split":673888658},"rows":"blkZrcI68wzr/b3ajZ3dxaRakxPcxC1P"}','8495bf9289f45c15fa053abf6095b8b3f2c00e5542efea70832e67a9a4a76ba4','ada','2026-11-23T22:40:16.921689Z','flow-1');
INSERT INTO "audit_entry" VALUES(39,'study_prediction',3,5,3,'773a324c48d3c7ff047f139ebd8778957896640c56b25359b1d77739f9535e2a','{"columns":{"evaluation_id":3723394693,"id":3281316536,"label":1699879392,"n_images":1659039750,"operating_point_id":1445714830,"predicted_label":3071671044,"probability":2032953729,"raw_probability":3449642590,"split":4162912013,"study_id":876784296},"rows":"tq3payQofJXtnLpN"}','27365094d9d536afa1a06372468f94756aca8485d4f0f5675db7f673adf49df7','ada','2026-11-23T22:40:16.922253Z','flow-1');
INSERT INTO "audit_entry" VALUES(40,'holdout_look',1,1,1,'cc7da4a5f8d9273ac21434845ddba977d89357eed69444b4fcbe0d0e69417097','{"columns":{"dataset_version_id":1278161592,"evaluation_id":1278161592,"id":1278161592,"session":589439548},"rows":"mSanNg=="}','e5a1885b8a244878f1aa74cf5596429b68c7e24027050335866a532add5e8e70','ada','2026-11-23T22:40:16.922684Z','flow-1');
INSERT INTO "audit_entry" VALUES(41,'metric',1,3,3,'70fe1ae001eae100c0c2b2d267a878519a5c56852ecf2f9807418c2aa27a3130','{"columns":{"bootstrap_seed":3168875390,"ci_high":559140327,"ci_low":413536583,"evaluation_id":3723394693,"fn":3920799535,"fp":1338354843,"id":4251825129,"level":3133957900,"metric":1470354819,"n_images":1143424965,"n_patients":590620228,"n_resamples":478952305,"n_studies":590620228,"note":2650060075,"operating_point":3994481559,"split":4162912013,"subgroup":342269439,"threshold":1290257571,"tn":3920799535,"tp":3920799535,"value":2790900859},"rows":"OduIGvqMge5h9XZv"}','cd9b4aca4b4ccd8a357030e27394269f2ca3390ce6ce791aef7b13fe48934464','ada','2026-11-23T22:40:16.937103Z','flow-1');
INSERT INTO "audit_entry" VALUES(42,'evaluation_event',1,1,1,'817d5831c267db080d416d8f746f67b0d958002ce2cf016ae972e3809c5864a7','{"columns":{"evaluation_id":1278161592,"id":1278161592,"n_image_predictions":3531457442,"n_study_predictions":675542972,"status":3389045323},"rows":"UdRbaA=="}','79e55b91972a4baaae5d74693f09a9efff06d9243ae49050144a4c49e41345c3','ada','2026-11-23T22:40:16.938801Z','flow-1');
INSERT INTO "audit_entry" VALUES(43,'evaluation',2,2,1,'7b5f57edaa2697409b7e110d01efc5792b68888f62f9dfd19271af875f964bb6','{"columns":{"dataset_version_id":1278161592,"environment_id":1278161592,"evaluation_id":4031085872,"id":1728209275,"label_version":1278161592,"model_version_id":1278161592,"purpose":372900103,"recipe_id":1278161592},"rows":"3mqm7g=="}','9d4448425d74212e0373ca7b6e6f0921d57c7b5ea49c20280d13ee1105a407fb','ada','2026-11-23T22:40:16.950444Z','flow-1');
INSERT INTO "audit_entry" VALUES(44,'image_prediction',11,14,4,'506f9e93365b2dce7314678b8ae99cb4924c2b89760fa2b84398ff543a2d67fe','{"columns":{"evaluation_id":128409304,"id":1822115585,"image_id":83214303,"label":2541978012,"operating_point_id":908384184,"predicted_label":2423607975,"probability":3300150934,"raw_probability":1358568552,"split":3347312388},"rows":"+9wUd9TsvAfyMWSRq+3iMw=="}','7fba587f46b616b18ad4a22e53449aa00c4328ef20b50bae6f934727d4cb8778','ada','2026-11-23T22:40:16.953365Z','flow-1');
INSERT INTO "audit_entry" VALUES(45,'study_prediction',6,7,2,'8d05e10cf4bd2d82d907ee2d079e8e6e8063a134edaf25e3b7387203ef3c7a1b','{"columns":{"evaluation_id":440336209,"id":3895172163,"label":985477693,"n_images":440336209,"operating_point_id":440336209,"predicted_label":2181125464,"probability":2849486477,"raw_probability":785225143,"split":94278315,"study_id":1880372810},"rows":"14Odp8sS+no="}','3a0b4ba7eb1dfb04842c6e605799ec66e6ad3c4fd956d142be78151fc5246a21','ada','2026-11-23T22:40:16.953828Z','flow-1');
INSERT INTO "audit_entry" VALUES(46,'image_prediction',15,20,6,'be60e34b6ef1f535b9875b2bd37a3bb8f511ff75ccba0c56f547fddb9fdb1a13','{"columns":{"evaluation_id":2362035636,"id":411861765,"image_id":78821826,"label":638975516,"operating_point_id":568536359,"predicted_label":4090859369,"probability":1563875677,"raw_probability":122261418,"split":673888658},"rows":"yyyyo2dPWAJOiBbUKOh2ywEvOB32kkUn"}','630aa634b9f447bb939352a979e4025918ff38729f75c1ac4ef47756ffa3dada','ada','2026-11-23T22:40:16.965750Z','flow-1');
INSERT INTO "audit_entry" VALUES(47,'study_prediction',8,10,3,'2c24aa239ba0bb6c925f3f928b1d563f712041d6092119e7d674051c42a378a0','{"columns":{"evaluation_id":1659039750,"id":795623661,"label":1699879392,"n_images":1659039750,"operating_point_id":1659039750,"predicted_label":3071671044,"probability":2032953729,"raw_probability":3449642590,"split":4162912013,"study_id":876784296},"rows":"T93ttoxEtWTMtlIg"}','40e0de859931b8ea894a3d5c96aa72cdf8fbf3d8ee03a647489b46720d85a476','ada','2026-11-23T22:40:16.966283Z','flow-1');
INSERT INTO "audit_entry" VALUES(48,'holdout_look',2,2,1,'ef9f92aafcf7c053549016252523e6aeb4a88cc56e3f6f79be8278dc765e650b','{"columns":{"dataset_version_id":1278161592,"evaluation_id":1728209275,"id":1728209275,"session":589439548},"rows":"teDXqg=="}','bca573157702eed0f049a5943e078581f063d54f5f74b7e8410ad09bb5adf6ee','ada','2026-11-23T22:40:16.966577Z','flow-1');
INSERT INTO "audit_entry" VALUES(49,'metric',4,6,3,'8b4493f2a5af4ca9f57496b6d1e8994f6bf9104af28ed3a3175bb6b4c9d44db0','{"columns":{"bootstrap_seed":3168875390,"ci_high":559140327,"ci_low":413536583,"evaluation_id":1659039750,"fn":3920799535,"fp":1338354843,"id":1291906726,"level":3133957900,"metric":1470354819,"n_images":1143424965,"n_patients":590620228,"n_resamples":478952305,"n_studies":590620228,"note":2650060075,"operating_point":3994481559,"split":4162912013,"subgroup":342269439,"threshold":1290257571,"tn":3920799535,"tp":3920799535,"value":2790900859},"rows":"zNHUj2eQ3UOh7NFX"}','02394387c422af3538ea0737404bbd98f1d6bb216406fbe5006c1051e77ec7d7','ada','2026-11-23T22:40:16.967543Z','flow-1');
INSERT INTO "audit_entry" VALUES(50,'evaluation_event',2,2,1,'8bf834d074a96a9b42f8256b2c8fdfab923188258f6c12baaf63d450ae5f5a9c','{"columns":{"evaluation_id":1728209275,"id":1728209275,"n_image_predictions":3531457442,"n_study_predictions":675542972,"status":3389045323},"rows":"X788nQ=="}','78cef30b4f57466fa6f1711f09b59cee602567bdac088c91ce2ced065e8c850f','ada','2026-11-23T22:40:16.970625Z','flow-1');
INSERT INTO "audit_entry" VALUES(51,'comparison',1,1,1,'9237f873f9d2f7e0c8fe99a2b26b6be8cfe12063605ecb8f04258862aede8117','{"columns":{"challenger_id":2115588154,"ci_high":4087190773,"ci_low":981567736,"comparison_id":1915094971,"difference":3249272439,"evaluation_id":1278161592,"holdout_looks":1278161592,"id":1278161592,"method":3655693506,"metric":3957497148,"n_patients":2115588154,"reference_id":1278161592},"rows":"yK0NCQ=="}','f4b50db147e8b4f584dccc9e2b6340b50d17a2154068ffce37094507f45237c8','ada','2026-11-23T22:40:16.972833Z','flow-1');
INSERT INTO "audit_entry" VALUES(52,'promotion',1,1,1,'f6e53795b747888495d779e029801597c89650ead6b3e8a3f7f05ee4cdea110a','{"columns":{"decided_by":498152153,"decision":667159462,"id":1278161592,"model_version_id":1278161592,"promotion_id":2677105995,"reason":3822864145},"rows":"CRtqjQ=="}','281cfea830756155aeaf9cb01f479c4c82b9f6fa01c5602ead5f20b3cc93b498','ada','2026-11-23T22:40:16.977540Z','flow-1');
INSERT INTO "audit_entry" VALUES(53,'promotion',2,2,1,'614f78406e677829d4bccf8696cfd3f68c21923ab13c9a2b1cd5f4d4cff477c6','{"columns":{"decided_by":498152153,"decision":667159462,"id":1728209275,"model_version_id":2115588154,"promotion_id":3675553679,"reason":3049985070},"rows":"ja73xw=="}','398019ae651fb069ac9f0f987bbe2d2fe4348eec71808bed9f92ae2be050a2f1','ada','2026-11-23T22:40:16.981410Z','flow-1');
INSERT INTO "audit_entry" VALUES(54,'promotion_comparison',1,1,1,'3ebe8443e916703ee56e0b8474df7c7f1b7276da35a187e49a948ec846636380','{"columns":{"comparison_id":1278161592,"id":1278161592,"promotion_id":1728209275},"rows":"n45/vQ=="}','bc3ddf89947b13845fde9f86967d42b0d34de97ad11a71b86c6d288c797ecbc7','ada','2026-11-23T22:40:16.981796Z','flow-1');
INSERT INTO "audit_entry" VALUES(55,'explanation',1,1,1,'5623791043eb769ee047a50baa0d92a39a3684920f38e75bab96a31f527df5eb','{"columns":{"border_share":2560536695,"explanation_id":125737431,"file_sha256":3457738614,"id":1278161592,"image_prediction_id":675542972,"method":1917291259,"note":3035213400,"path":2273712605,"sanity_score":1346845311,"withheld":1429472249},"rows":"gkdBBg=="}','da891918f3c24ac5bad3d8b437de3b0a20ec5c1119208a8ee64f8858a78b347b','ada','2026-11-23T22:40:16.986096Z','flow-1');
INSERT INTO "audit_entry" VALUES(56,'report',1,1,1,'a3a1324ea8f2f3416372f316b0ac7a654a6e251799dbd81d1fceb883b5d631c8','{"columns":{"dataset_version_id":1278161592,"evaluation_ids":1005729479,"file_sha256":901195299,"id":1278161592,"kind":157574380,"path":4277742053,"report_id":2925521881},"rows":"IudbMw=="}','5e0ac905ea64626aa07bd68dad9d91c808e7cc9351541c868bb26bbe427f1468','ada','2026-11-23T22:40:16.989407Z','flow-1');
INSERT INTO "audit_entry" VALUES(57,'evaluation',3,3,1,'2ba0717e170785183278636b9a76d12be1ef293c506d31bd8adc96f56bff7826','{"columns":{"environment_id":1278161592,"evaluation_id":918161325,"id":2115588154,"label_version":1278161592,"model_version_id":2115588154,"purpose":1663319727},"rows":"oeYpVQ=="}','6dc131d1c1e85d9b2fc6b16951cc38e6d7b71bbf6dba8b7a28abcca5af9646af','ada','2026-11-23T22:40:16.996442Z','flow-1');
INSERT INTO "audit_entry" VALUES(58,'image_prediction',21,21,1,'95c53c0078a4ae9b4deb313012bd87d887b8fd3aa3e6ce4e0f2374134974a34a','{"columns":{"evaluation_id":2115588154,"id":3374337210,"image_id":2637976933,"operating_point_id":443913534,"predicted_label":1278161592,"probability":2853570812,"raw_probability":1346845311},"rows":"stDH2w=="}','e1b6035c9f38037abf814bdbfc1ce9459243f10d10403cbb5ad54ab9fdf4d8a9','ada','2026-11-23T22:40:16.998235Z','flow-1');
INSERT INTO "audit_entry" VALUES(59,'study_prediction',11,11,1,'6e3248daf31184a41850cc578f919d990179a0908406e73dd5082e8a99f8ab41','{"columns":{"evaluation_id":2115588154,"id":3412521699,"n_images":1278161592,"operating_point_id":2649590257,"predicted_label":1278161592,"probability":2853570812,"raw_probability":1346845311,"study_id":2230761648},"rows":"VZ/h2Q=="}','38f34c625c1a0f3e95057a3f51993d6be170c79a3b0717d26e6d63d64d018556','ada','2026-11-23T22:40:16.998640Z','flow-1');
INSERT INTO "audit_entry" VALUES(60,'evaluation_event',3,3,1,'69be5e7981f6803bf3880f951df133e8e9a9821cc80e42bb173724931b843617','{"columns":{"evaluation_id":2115588154,"id":2115588154,"n_image_predictions":1278161592,"n_study_predictions":1278161592,"status":3389045323},"rows":"h1kPHw=="}','4084f0a87ef99921683966411aca6e1eb7c7047026bca75368b15905ff63fd99','ada','2026-11-23T22:40:17.008551Z','flow-1');
INSERT INTO "audit_entry" VALUES(61,'exclusion',1,1,1,'b95a98a66e05a5f2c9239e51cecea35e7b9630b1d01a203bf6736a7ae05604a2','{"columns":{"id":1278161592,"image_id":827901693,"reason":76008442,"undone":1429472249},"rows":"1ROqTw=="}','07ea18275863cda0da3fdee9cda1508f9e17f98b8b00f5345515c769eca41f4b','ada','2026-11-23T22:40:17.010050Z','flow-1');
INSERT INTO "audit_entry" VALUES(62,'label_version',2,2,1,'1d512b9b70a34f90c6c2e609e471d6b8e960cf63b0fe2964910c17c8e89a7d81','{"columns":{"id":1728209275,"note":872403749,"version":1728209275},"rows":"uK4WFQ=="}','cbb3c11df44fd63d58cc9fd269ff23c2e25e5cacaa1fa84a9540957680e910a8','ada','2026-11-23T22:40:17.014875Z','flow-1');
INSERT INTO "audit_entry" VALUES(63,'label',9,9,1,'1994a40b9349171a9d6cd5e34655c9aafa7f182dd5d406ccc37c5d4f97e37c11','{"columns":{"id":2230761648,"label":1278161592,"label_version":1728209275,"study_id":2115588154},"rows":"eR/zCw=="}','e68713a4f05e28b177000bd723ae59c349fbf4058579f83c4630c9f03966171a','ada','2026-11-23T22:40:17.015091Z','flow-1');
INSERT INTO "audit_entry" VALUES(64,'near_duplicate',1,1,1,'8af94f72a5b5f9617f044e81f1ddb0a9cf651f55c2a1b5217b9f2a5d522e9007','{"columns":{"confirmed":1278161592,"correlation":111364080,"distance":250025569,"id":1278161592,"image_a_id":2115588154,"image_b_id":675542972},"rows":"jh6PWA=="}','c33e4839dd71cec79235c03404a62ddf1c72399b02f3a75f735c7ce7c05c9f03','ada','2026-11-23T22:40:17.021799Z','flow-1');
INSERT INTO "audit_entry" VALUES(65,'tuning_trial',1,1,1,'ff1aea9b6e27ebe229aaa23dbb51508ea872ad921edc6fcd47163b1d16ccc117','{"columns":{"architecture":4031733874,"batch_size":3822024014,"dataset_version_id":1278161592,"id":1278161592,"learning_rate":1582136993,"parameters":4272833388,"seconds":2469408472,"state":3230529609,"study_name":521598710,"trial":1429472249,"value":1230768958},"rows":"9d0nZg=="}','f0cef425d542c6647e3c4485d24aa83ae05653dfeb063fc68a1160f509671bc6','ada','2026-11-23T22:40:17.029260Z','flow-1');
INSERT INTO "audit_entry" VALUES(66,'leak_demonstration',1,1,1,'d59f01f738ed2a8b7a39e0c5c8f3ff25e64c6b322712f76f509898f210105497','{"columns":{"architecture":4031733874,"ci_high":111364080,"ci_low":1346845311,"dataset_version_id":1278161592,"id":1278161592,"metric":3957497148,"n_images":797009961,"n_patients":3581176702,"note":3035213400,"protocol":2170715433,"value":2853570812},"rows":"ypgIpw=="}','4d364234b346751b99207e409692fdf2f8c58056dfe5c818539213341a2bfa65','ada','2026-11-23T22:40:17.038953Z','flow-1');
INSERT INTO "audit_entry" VALUES(67,'stage_cost',1,1,1,'8ca96fb14893cd1633c403426c15d85c4760ad792b498e14d98bac6141616c08','{"columns":{"cpu_seconds":3920070875,"flow":1904102952,"id":1278161592,"peak_bytes":618112851,"run_id":589439548,"stage":3788348907,"wall_seconds":3650693807},"rows":"WNu5cQ=="}','1682465e7e96416238fd2b6202d76e4053e7666cd41b4055551b36365d3dc75a','ada','2026-11-23T22:40:17.046393Z','flow-1');
INSERT INTO "audit_entry" VALUES(68,'drift_check',1,1,1,'14b04b88767bd2ebb4ad4e060b22847f49cd220236fd56445987fe5ceac6c82c','{"columns":{"alert":1278161592,"drift_id":3933059152,"feature":1870322,"id":1278161592,"model_version_id":2115588154,"n_current":3581176702,"n_reference":797009961,"p_adjusted":2781295475,"p_value":3249272439,"psi":2863190773,"statistic":3014910900},"rows":"OqmZZQ=="}','a6db037dfcbd4fa64568144bb7a8f7400ca0adb409941b9a742312d1137978c0','ada','2026-11-23T22:40:17.052457Z','flow-1');
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
);
INSERT INTO "comparison" VALUES('cm-258f9e352239',1,3,1,'roc_auc',0.01,-0.02,0.03,'patient_bootstrap',3,NULL,1,1,51);
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
);
INSERT INTO "dataset_member" VALUES(1,1,1,1,'train',0,1,NULL,'0b05cd47e14f44b0cdac7e00b15f9809b7d2f767996cddaa1c52da6043bc33fb',1,18);
INSERT INTO "dataset_member" VALUES(1,2,1,1,'train',0,0,'identical_pixels',NULL,2,18);
INSERT INTO "dataset_member" VALUES(1,3,2,2,'train',1,1,NULL,'0786a87294083ba9b310bccfe33bc2d426b3c686f99b3cb83109806a05dae3d3',3,18);
INSERT INTO "dataset_member" VALUES(1,4,2,2,'train',1,1,NULL,'26666559281df8b8d2141ae3db8eac35c9327c1f0f72866ec4a0a3a1c750d25d',4,18);
INSERT INTO "dataset_member" VALUES(1,5,3,3,'train',0,1,NULL,'c94018cabdfd05e557bfa8bde47772e922c926782951b87221af4f76f2ba61a1',5,18);
INSERT INTO "dataset_member" VALUES(1,6,3,3,'train',0,1,NULL,'0e69ee82b9ab503f80037a0401de00f18b641c1abd67e782edb947aa09df0a93',6,18);
INSERT INTO "dataset_member" VALUES(1,7,4,4,'validation',1,1,NULL,'2ec4f489a7879f1ed88eeea567cbaddefb74f8d121f466c31ee28b1f28ced448',7,18);
INSERT INTO "dataset_member" VALUES(1,8,4,4,'validation',1,1,NULL,'6d166f190bbe9b7ebf397e879a8cbe265e687ebb5c122e5dfcf37cad6896dbf4',8,18);
INSERT INTO "dataset_member" VALUES(1,9,5,5,'validation',0,1,NULL,'a9283ae86256c84ef18f911ad7b069335f9cf86cc1796eae88d7317d1a7f4c90',9,18);
INSERT INTO "dataset_member" VALUES(1,10,5,5,'validation',0,1,NULL,'5b7325a2b1a2ae569e1e1691e109b7ec4fe765655fa4a8e12cdf477277e1eacc',10,18);
INSERT INTO "dataset_member" VALUES(1,11,6,6,'test',1,1,NULL,'5ef8267f1a7192a0ba8499764b8583f252c59d454d69eefb8ccd8db29a88475c',11,18);
INSERT INTO "dataset_member" VALUES(1,12,6,6,'test',1,1,NULL,'239cbd21b7fbb7d2db443e52846834a4f0dd085391bf7efbeb327b2aedea3036',12,18);
INSERT INTO "dataset_member" VALUES(1,13,7,7,'test',0,1,NULL,'c9becb099f104db23e12c96a034ac34d0f3662ce6913ce6fdb87dc83e3cbecc6',13,18);
INSERT INTO "dataset_member" VALUES(1,14,7,7,'test',0,1,NULL,'24883fe42d00acc08bab14a75628f1316f6a663790d541d754fe30faa5b6ebc3',14,18);
INSERT INTO "dataset_member" VALUES(1,15,8,8,'test',1,1,NULL,'f4210e9d68b66df60a26b75561e7349d1fa69e76546369b5386e77d5db7d4317',15,18);
INSERT INTO "dataset_member" VALUES(1,16,8,8,'test',1,1,NULL,'53e135cea792e09c2a8bc0425acb3fb63035fdf2f650b573d0c0f854f566397e',16,18);
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
);
INSERT INTO "dataset_patient" VALUES(1,1,'train',1,16);
INSERT INTO "dataset_patient" VALUES(1,2,'train',2,16);
INSERT INTO "dataset_patient" VALUES(1,3,'train',3,16);
INSERT INTO "dataset_patient" VALUES(1,4,'validation',4,16);
INSERT INTO "dataset_patient" VALUES(1,5,'validation',5,16);
INSERT INTO "dataset_patient" VALUES(1,6,'test',6,16);
INSERT INTO "dataset_patient" VALUES(1,7,'test',7,16);
INSERT INTO "dataset_patient" VALUES(1,8,'test',8,16);
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
);
INSERT INTO "dataset_pixels" VALUES(1,'0786a87294083ba9b310bccfe33bc2d426b3c686f99b3cb83109806a05dae3d3','train',1,17);
INSERT INTO "dataset_pixels" VALUES(1,'0b05cd47e14f44b0cdac7e00b15f9809b7d2f767996cddaa1c52da6043bc33fb','train',2,17);
INSERT INTO "dataset_pixels" VALUES(1,'0e69ee82b9ab503f80037a0401de00f18b641c1abd67e782edb947aa09df0a93','train',3,17);
INSERT INTO "dataset_pixels" VALUES(1,'239cbd21b7fbb7d2db443e52846834a4f0dd085391bf7efbeb327b2aedea3036','test',4,17);
INSERT INTO "dataset_pixels" VALUES(1,'24883fe42d00acc08bab14a75628f1316f6a663790d541d754fe30faa5b6ebc3','test',5,17);
INSERT INTO "dataset_pixels" VALUES(1,'26666559281df8b8d2141ae3db8eac35c9327c1f0f72866ec4a0a3a1c750d25d','train',6,17);
INSERT INTO "dataset_pixels" VALUES(1,'2ec4f489a7879f1ed88eeea567cbaddefb74f8d121f466c31ee28b1f28ced448','validation',7,17);
INSERT INTO "dataset_pixels" VALUES(1,'53e135cea792e09c2a8bc0425acb3fb63035fdf2f650b573d0c0f854f566397e','test',8,17);
INSERT INTO "dataset_pixels" VALUES(1,'5b7325a2b1a2ae569e1e1691e109b7ec4fe765655fa4a8e12cdf477277e1eacc','validation',9,17);
INSERT INTO "dataset_pixels" VALUES(1,'5ef8267f1a7192a0ba8499764b8583f252c59d454d69eefb8ccd8db29a88475c','test',10,17);
INSERT INTO "dataset_pixels" VALUES(1,'6d166f190bbe9b7ebf397e879a8cbe265e687ebb5c122e5dfcf37cad6896dbf4','validation',11,17);
INSERT INTO "dataset_pixels" VALUES(1,'a9283ae86256c84ef18f911ad7b069335f9cf86cc1796eae88d7317d1a7f4c90','validation',12,17);
INSERT INTO "dataset_pixels" VALUES(1,'c94018cabdfd05e557bfa8bde47772e922c926782951b87221af4f76f2ba61a1','train',13,17);
INSERT INTO "dataset_pixels" VALUES(1,'c9becb099f104db23e12c96a034ac34d0f3662ce6913ce6fdb87dc83e3cbecc6','test',14,17);
INSERT INTO "dataset_pixels" VALUES(1,'f4210e9d68b66df60a26b75561e7349d1fa69e76546369b5386e77d5db7d4317','test',15,17);
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
);
INSERT INTO "dataset_version" VALUES('ds-4c503ae16d97','4c503ae16d97a3a9ad6e384de7b3feeb8bb393031f13c2b2a368a9d82c555ac1',1,8,8,15,'clean','',1,15);
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
);
INSERT INTO "drift_check" VALUES('dr-71f8bf04ec57',3,'mean_intensity',0.2,0.01,0.05,0.3,1,100,50,1,68);
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
);
INSERT INTO "environment" VALUES('ca10d562859da2ca951484f9aeefb6335d935ac6ec2cafab182eee6e56f7c785','abc123',1,'{"numpy": "2.0", "tensorflow": "2.21"}','{"cpu": "two cores"}',1,3);
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
);
INSERT INTO "evaluation" VALUES('ev-a339dfe6077d','evaluation',3,1,1,1,1,1,35);
INSERT INTO "evaluation" VALUES('ev-44d4009d1aea','evaluation',1,1,1,1,1,2,43);
INSERT INTO "evaluation" VALUES('ev-a4e63073b730','prospective',3,NULL,1,NULL,1,3,57);
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
);
INSERT INTO "evaluation_event" VALUES(1,'finished',NULL,10,5,1,42);
INSERT INTO "evaluation_event" VALUES(2,'finished',NULL,10,5,2,50);
INSERT INTO "evaluation_event" VALUES(3,'finished',NULL,1,1,3,60);
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
);
INSERT INTO "exclusion" VALUES(4,NULL,NULL,'blurred',0,1,61);
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
);
INSERT INTO "explanation" VALUES('ex-98b2f28f9eca',5,'grad-cam','explanations/one','9c0c1e75e6f9edfc0a0e63d6edb8e1c73d7b57ca4cc63c13e6b0992a462d1c57',0.9,0.1,0,'',1,55);
CREATE TABLE fact (
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (name),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
);
INSERT INTO "fact" VALUES('identity_key_fingerprint','fingerprint',1,1);
INSERT INTO "fact" VALUES('split_rule','{"seed": 1712, "test": 0.15, "train": 0.7, "validation": 0.15}',2,2);
CREATE TABLE file (
	root TEXT NOT NULL,
	path TEXT NOT NULL,
	size INTEGER,
	mtime_ns INTEGER,
	file_sha256 TEXT,
	reason_code TEXT,
	PRIMARY KEY (root, path)
);
INSERT INTO "file" VALUES('/data','patient00000/study1_x/image1.png',1000,1700000000000000000,'74762b6c91dabdbf7cf448db933e07348d3281f846cc6112e169b4633a0247f2',NULL);
INSERT INTO "file" VALUES('/data','patient00000/study1_x/image2.png',1000,1700000000000000000,'556593b1c88c3fe03375019a1cda2cc97f98792090e05f06d5fce525f2b0f0c8',NULL);
INSERT INTO "file" VALUES('/data','patient00001/study1_x/image1.png',1001,1700000000000000001,'e8ec07902faf4304f9047cc038500e2c05339f52a1583cecab8c2cbd47ffd351',NULL);
INSERT INTO "file" VALUES('/data','patient00001/study1_x/image2.png',1001,1700000000000000001,'202711758c7dfa251d3ed509990fef55824a88b0302f50025d19971c86ee129c',NULL);
INSERT INTO "file" VALUES('/data','patient00002/study1_x/image1.png',1002,1700000000000000002,'5434042bbb4ede55867618a13484a1e83bd3f599d71996bba27b9c937eee54c6',NULL);
INSERT INTO "file" VALUES('/data','patient00002/study1_x/image2.png',1002,1700000000000000002,'697720b514de514046624d8e0455291c641a61e85930213644fc471d9e7df744',NULL);
INSERT INTO "file" VALUES('/data','patient00003/study1_x/image1.png',1003,1700000000000000003,'d0dfe7e71a7e56fd94fe6eec5d3e59eae38def1998e95415b96329c97f0bfff8',NULL);
INSERT INTO "file" VALUES('/data','patient00003/study1_x/image2.png',1003,1700000000000000003,'cb4083c12893921c2936bbe26618d704a1e7794f8bc77da18c2efa1450366ab6',NULL);
INSERT INTO "file" VALUES('/data','patient00004/study1_x/image1.png',1004,1700000000000000004,'bc71126a61f56d36606156045b3bfaaa096dc84793d713bcc646c26293dda5bf',NULL);
INSERT INTO "file" VALUES('/data','patient00004/study1_x/image2.png',1004,1700000000000000004,'9ca8ec95969fa79a55f43b10b4124c5212c238d65c586bf85e3a67fb16628810',NULL);
INSERT INTO "file" VALUES('/data','patient00005/study1_x/image1.png',1005,1700000000000000005,'4fbc54ee1ed9435d39a0201cb7d289abdd3104cd6a6b948f2dd73095fa6b2079',NULL);
INSERT INTO "file" VALUES('/data','patient00005/study1_x/image2.png',1005,1700000000000000005,'01281de9be1eda2d21e2d6f79e07ae927d12a1452287735022dbb5a6f74435ae',NULL);
INSERT INTO "file" VALUES('/data','patient00006/study1_x/image1.png',1006,1700000000000000006,'7d06e84c40682ad5553ba3559170f532642c7aebcb746e3c162c13fb6c39ef26',NULL);
INSERT INTO "file" VALUES('/data','patient00006/study1_x/image2.png',1006,1700000000000000006,'4856674f452aeabb79ca157bb695b68374b4ad10adf7b16ca2c5bcf86bae0623',NULL);
INSERT INTO "file" VALUES('/data','patient00007/study1_x/image1.png',1007,1700000000000000007,'b032d82e035e3a28232e6f301a62f305b38ba19d11bdbafc70218d5b85944d5d',NULL);
INSERT INTO "file" VALUES('/data','patient00007/study1_x/image2.png',1007,1700000000000000007,'65e8f814f32056ec2c09b2c3c14adc01dc2c896445181c287da9ea8a3122509a',NULL);
INSERT INTO "file" VALUES('/data','patient00090/study1_x/image1.png',1090,1700000000000000090,'7ea36332db6242c52cbef9639e0d1780dd31477f1dc2373d316d085e2e7a8fe3',NULL);
INSERT INTO "file" VALUES('/data','broken.png',12,5,'0000000000000000000000000000000000000000000000000000000000000000','truncated');
CREATE TABLE heartbeat (
	run_id TEXT NOT NULL,
	at TEXT NOT NULL,
	host TEXT NOT NULL,
	pid INTEGER NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY (run_id)
);
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
);
INSERT INTO "holdout_look" VALUES(1,1,'flow-1',1,40);
INSERT INTO "holdout_look" VALUES(2,1,'flow-1',2,48);
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
);
INSERT INTO "image" VALUES('im-0000-0',1,1,1,'patient00000/study1_x/image1.png','png',0,'74762b6c91dabdbf7cf448db933e07348d3281f846cc6112e169b4633a0247f2',1000,'0b05cd47e14f44b0cdac7e00b15f9809b7d2f767996cddaa1c52da6043bc33fb',512,400,'L',0,0,'PA',0,'F',50,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',1,9);
INSERT INTO "image" VALUES('im-0000-1',1,1,1,'patient00000/study1_x/image2.png','png',0,'556593b1c88c3fe03375019a1cda2cc97f98792090e05f06d5fce525f2b0f0c8',1000,'43031a86fb74b509397d966c8757ee97af7aa22fbf8045517b677b1e5c560707',512,400,'L',0,0,'PA',0,'F',50,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',2,9);
INSERT INTO "image" VALUES('im-0001-0',2,2,1,'patient00001/study1_x/image1.png','png',0,'e8ec07902faf4304f9047cc038500e2c05339f52a1583cecab8c2cbd47ffd351',1001,'0786a87294083ba9b310bccfe33bc2d426b3c686f99b3cb83109806a05dae3d3',512,400,'L',1,0,'PA',1,'F',51,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',3,9);
INSERT INTO "image" VALUES('im-0001-1',2,2,1,'patient00001/study1_x/image2.png','png',0,'202711758c7dfa251d3ed509990fef55824a88b0302f50025d19971c86ee129c',1001,'26666559281df8b8d2141ae3db8eac35c9327c1f0f72866ec4a0a3a1c750d25d',512,400,'L',1,0,'PA',1,'F',51,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',4,9);
INSERT INTO "image" VALUES('im-0002-0',3,3,1,'patient00002/study1_x/image1.png','png',0,'5434042bbb4ede55867618a13484a1e83bd3f599d71996bba27b9c937eee54c6',1002,'c94018cabdfd05e557bfa8bde47772e922c926782951b87221af4f76f2ba61a1',512,400,'L',0,0,'PA',1,'F',52,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',5,9);
INSERT INTO "image" VALUES('im-0002-1',3,3,1,'patient00002/study1_x/image2.png','png',0,'697720b514de514046624d8e0455291c641a61e85930213644fc471d9e7df744',1002,'0e69ee82b9ab503f80037a0401de00f18b641c1abd67e782edb947aa09df0a93',512,400,'L',0,0,'PA',1,'F',52,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',6,9);
INSERT INTO "image" VALUES('im-0003-0',4,4,1,'patient00003/study1_x/image1.png','png',0,'d0dfe7e71a7e56fd94fe6eec5d3e59eae38def1998e95415b96329c97f0bfff8',1003,'2ec4f489a7879f1ed88eeea567cbaddefb74f8d121f466c31ee28b1f28ced448',512,400,'L',1,0,'PA',0,'F',53,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',7,9);
INSERT INTO "image" VALUES('im-0003-1',4,4,1,'patient00003/study1_x/image2.png','png',0,'cb4083c12893921c2936bbe26618d704a1e7794f8bc77da18c2efa1450366ab6',1003,'6d166f190bbe9b7ebf397e879a8cbe265e687ebb5c122e5dfcf37cad6896dbf4',512,400,'L',1,0,'PA',0,'F',53,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',8,9);
INSERT INTO "image" VALUES('im-0004-0',5,5,1,'patient00004/study1_x/image1.png','png',0,'bc71126a61f56d36606156045b3bfaaa096dc84793d713bcc646c26293dda5bf',1004,'a9283ae86256c84ef18f911ad7b069335f9cf86cc1796eae88d7317d1a7f4c90',512,400,'L',0,0,'PA',1,'F',54,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',9,9);
INSERT INTO "image" VALUES('im-0004-1',5,5,1,'patient00004/study1_x/image2.png','png',0,'9ca8ec95969fa79a55f43b10b4124c5212c238d65c586bf85e3a67fb16628810',1004,'5b7325a2b1a2ae569e1e1691e109b7ec4fe765655fa4a8e12cdf477277e1eacc',512,400,'L',0,0,'PA',1,'F',54,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',10,9);
INSERT INTO "image" VALUES('im-0005-0',6,6,1,'patient00005/study1_x/image1.png','png',0,'4fbc54ee1ed9435d39a0201cb7d289abdd3104cd6a6b948f2dd73095fa6b2079',1005,'5ef8267f1a7192a0ba8499764b8583f252c59d454d69eefb8ccd8db29a88475c',512,400,'L',1,0,'PA',1,'F',55,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',11,9);
INSERT INTO "image" VALUES('im-0005-1',6,6,1,'patient00005/study1_x/image2.png','png',0,'01281de9be1eda2d21e2d6f79e07ae927d12a1452287735022dbb5a6f74435ae',1005,'239cbd21b7fbb7d2db443e52846834a4f0dd085391bf7efbeb327b2aedea3036',512,400,'L',1,0,'PA',1,'F',55,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',12,9);
INSERT INTO "image" VALUES('im-0006-0',7,7,1,'patient00006/study1_x/image1.png','png',0,'7d06e84c40682ad5553ba3559170f532642c7aebcb746e3c162c13fb6c39ef26',1006,'c9becb099f104db23e12c96a034ac34d0f3662ce6913ce6fdb87dc83e3cbecc6',512,400,'L',0,0,'PA',0,'F',56,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',13,9);
INSERT INTO "image" VALUES('im-0006-1',7,7,1,'patient00006/study1_x/image2.png','png',0,'4856674f452aeabb79ca157bb695b68374b4ad10adf7b16ca2c5bcf86bae0623',1006,'24883fe42d00acc08bab14a75628f1316f6a663790d541d754fe30faa5b6ebc3',512,400,'L',0,0,'PA',0,'F',56,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',14,9);
INSERT INTO "image" VALUES('im-0007-0',8,8,1,'patient00007/study1_x/image1.png','png',0,'b032d82e035e3a28232e6f301a62f305b38ba19d11bdbafc70218d5b85944d5d',1007,'f4210e9d68b66df60a26b75561e7349d1fa69e76546369b5386e77d5db7d4317',512,400,'L',1,0,'PA',1,'F',57,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',15,9);
INSERT INTO "image" VALUES('im-0007-1',8,8,1,'patient00007/study1_x/image2.png','png',0,'65e8f814f32056ec2c09b2c3c14adc01dc2c896445181c287da9ea8a3122509a',1007,'53e135cea792e09c2a8bc0425acb3fb63035fdf2f650b573d0c0f854f566397e',512,400,'L',1,0,'PA',1,'F',57,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',16,9);
INSERT INTO "image" VALUES('im-0090-0',9,9,1,'patient00090/study1_x/image1.png','png',0,'7ea36332db6242c52cbef9639e0d1780dd31477f1dc2373d316d085e2e7a8fe3',1090,'beabffe20fa8ffd44d2609fc78ee07d7e5d7c5e4940dcb6f3f201e3873a18722',512,400,'L',0,0,'PA',0,'F',140,NULL,NULL,'ff00',101.25,'["png:L", "invert"]','[["note", "x"]]',17,12);
CREATE TABLE image_location (
	image_id INTEGER NOT NULL,
	root TEXT NOT NULL,
	path TEXT NOT NULL,
	PRIMARY KEY (image_id),
	FOREIGN KEY(image_id) REFERENCES image (id)
);
INSERT INTO "image_location" VALUES(1,'/data','patient00000/study1_x/image1.png');
INSERT INTO "image_location" VALUES(2,'/data','patient00000/study1_x/image2.png');
INSERT INTO "image_location" VALUES(3,'/data','patient00001/study1_x/image1.png');
INSERT INTO "image_location" VALUES(4,'/data','patient00001/study1_x/image2.png');
INSERT INTO "image_location" VALUES(5,'/data','patient00002/study1_x/image1.png');
INSERT INTO "image_location" VALUES(6,'/data','patient00002/study1_x/image2.png');
INSERT INTO "image_location" VALUES(7,'/data','patient00003/study1_x/image1.png');
INSERT INTO "image_location" VALUES(8,'/data','patient00003/study1_x/image2.png');
INSERT INTO "image_location" VALUES(9,'/data','patient00004/study1_x/image1.png');
INSERT INTO "image_location" VALUES(10,'/data','patient00004/study1_x/image2.png');
INSERT INTO "image_location" VALUES(11,'/data','patient00005/study1_x/image1.png');
INSERT INTO "image_location" VALUES(12,'/data','patient00005/study1_x/image2.png');
INSERT INTO "image_location" VALUES(13,'/data','patient00006/study1_x/image1.png');
INSERT INTO "image_location" VALUES(14,'/data','patient00006/study1_x/image2.png');
INSERT INTO "image_location" VALUES(15,'/data','patient00007/study1_x/image1.png');
INSERT INTO "image_location" VALUES(16,'/data','patient00007/study1_x/image2.png');
INSERT INTO "image_location" VALUES(17,'/data','patient00090/study1_x/image1.png');
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
);
INSERT INTO "image_prediction" VALUES(1,7,'validation',1,0.25,0.3,7,0,1,36);
INSERT INTO "image_prediction" VALUES(1,8,'validation',1,0.25,0.3,7,0,2,36);
INSERT INTO "image_prediction" VALUES(1,9,'validation',0,0.25,0.3,7,0,3,36);
INSERT INTO "image_prediction" VALUES(1,10,'validation',0,0.25,0.3,7,0,4,36);
INSERT INTO "image_prediction" VALUES(1,11,'test',1,0.25,0.3,7,0,5,38);
INSERT INTO "image_prediction" VALUES(1,12,'test',1,0.25,0.3,7,0,6,38);
INSERT INTO "image_prediction" VALUES(1,13,'test',0,0.25,0.3,7,0,7,38);
INSERT INTO "image_prediction" VALUES(1,14,'test',0,0.25,0.3,7,0,8,38);
INSERT INTO "image_prediction" VALUES(1,15,'test',1,0.25,0.3,7,0,9,38);
INSERT INTO "image_prediction" VALUES(1,16,'test',1,0.25,0.3,7,0,10,38);
INSERT INTO "image_prediction" VALUES(2,7,'validation',1,0.25,0.3,1,0,11,44);
INSERT INTO "image_prediction" VALUES(2,8,'validation',1,0.25,0.3,1,0,12,44);
INSERT INTO "image_prediction" VALUES(2,9,'validation',0,0.25,0.3,1,0,13,44);
INSERT INTO "image_prediction" VALUES(2,10,'validation',0,0.25,0.3,1,0,14,44);
INSERT INTO "image_prediction" VALUES(2,11,'test',1,0.25,0.3,1,0,15,46);
INSERT INTO "image_prediction" VALUES(2,12,'test',1,0.25,0.3,1,0,16,46);
INSERT INTO "image_prediction" VALUES(2,13,'test',0,0.25,0.3,1,0,17,46);
INSERT INTO "image_prediction" VALUES(2,14,'test',0,0.25,0.3,1,0,18,46);
INSERT INTO "image_prediction" VALUES(2,15,'test',1,0.25,0.3,1,0,19,46);
INSERT INTO "image_prediction" VALUES(2,16,'test',1,0.25,0.3,1,0,20,46);
INSERT INTO "image_prediction" VALUES(3,17,NULL,NULL,0.9,0.95,7,1,21,58);
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
);
INSERT INTO "ingest_event" VALUES(1,'finished',NULL,17,0,0,0,0,1,1.5,1,14);
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
);
INSERT INTO "ingest_run" VALUES('in-8ab99cda3962','mura',1,1,4);
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
);
INSERT INTO "label" VALUES(1,1,0,1,8);
INSERT INTO "label" VALUES(1,2,1,2,8);
INSERT INTO "label" VALUES(1,3,0,3,8);
INSERT INTO "label" VALUES(1,4,1,4,8);
INSERT INTO "label" VALUES(1,5,0,5,8);
INSERT INTO "label" VALUES(1,6,1,6,8);
INSERT INTO "label" VALUES(1,7,0,7,8);
INSERT INTO "label" VALUES(1,8,1,8,8);
INSERT INTO "label" VALUES(2,3,1,9,63);
CREATE TABLE label_version (
	version INTEGER NOT NULL,
	note TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (version),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
);
INSERT INTO "label_version" VALUES(1,'as the sources state them',1,7);
INSERT INTO "label_version" VALUES(2,'Better list',2,62);
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
);
INSERT INTO "leak_demonstration" VALUES(1,NULL,'resnet50','image_split','roc_auc',0.95,0.9,0.99,100,50,'',1,66);
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
);
INSERT INTO "metric" VALUES(1,'test','study','all',NULL,'roc_auc',0.75,0.5,0.9,6,3,3,NULL,NULL,NULL,NULL,NULL,200,7,NULL,1,41);
INSERT INTO "metric" VALUES(1,'test','study','all','youden','sensitivity',0.5,0.1,0.9,6,3,3,1,0,1,1,0.4,200,7,NULL,2,41);
INSERT INTO "metric" VALUES(1,'test','study','sex=M','youden','ppv',NULL,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'no study',3,41);
INSERT INTO "metric" VALUES(2,'test','study','all',NULL,'roc_auc',0.75,0.5,0.9,6,3,3,NULL,NULL,NULL,NULL,NULL,200,7,NULL,4,49);
INSERT INTO "metric" VALUES(2,'test','study','all','youden','sensitivity',0.5,0.1,0.9,6,3,3,1,0,1,1,0.4,200,7,NULL,5,49);
INSERT INTO "metric" VALUES(2,'test','study','sex=M','youden','ppv',NULL,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'no study',6,49);
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
);
INSERT INTO "model_member" VALUES(3,2,1,31);
INSERT INTO "model_member" VALUES(3,1,2,31);
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
);
INSERT INTO "model_version" VALUES('mv-9a2390722a0d','resnet50',1,'7944ffc30353db05621dea104553e1cadf48d3a9821bcc832b2c2db182e93ce8',1,24);
INSERT INTO "model_version" VALUES('mv-55c83f323d20','efficientnetb0',2,'0e8503e3c625838527045838f5ff7eb55d41c04f064a0c0435436cf175a5c409',2,29);
INSERT INTO "model_version" VALUES('mv-e958ccfb65bd','ensemble',NULL,'35b5f9f82b21daf8f682d3b40c07a12c140d9c89bc844b7861310d19b003757e',3,30);
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
);
INSERT INTO "near_duplicate" VALUES(3,5,4.0,0.99,1,1,64);
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
);
INSERT INTO "operating_point" VALUES(1,'image','youden',0.5,NULL,1.0,0.0,1,1,32);
INSERT INTO "operating_point" VALUES(1,'study','youden',0.4,NULL,1.1,-0.1,1,2,32);
INSERT INTO "operating_point" VALUES(1,'study','sensitivity',0.3,0.9,1.1,-0.1,0,3,32);
INSERT INTO "operating_point" VALUES(2,'image','youden',0.5,NULL,1.0,0.0,1,4,33);
INSERT INTO "operating_point" VALUES(2,'study','youden',0.4,NULL,1.1,-0.1,1,5,33);
INSERT INTO "operating_point" VALUES(2,'study','sensitivity',0.3,0.9,1.1,-0.1,0,6,33);
INSERT INTO "operating_point" VALUES(3,'image','youden',0.5,NULL,1.0,0.0,1,7,34);
INSERT INTO "operating_point" VALUES(3,'study','youden',0.4,NULL,1.1,-0.1,1,8,34);
INSERT INTO "operating_point" VALUES(3,'study','sensitivity',0.3,0.9,1.1,-0.1,0,9,34);
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
);
INSERT INTO "patient" VALUES('pt-0000',1,'train',1,5);
INSERT INTO "patient" VALUES('pt-0001',1,'train',2,5);
INSERT INTO "patient" VALUES('pt-0002',1,'train',3,5);
INSERT INTO "patient" VALUES('pt-0003',1,'validation',4,5);
INSERT INTO "patient" VALUES('pt-0004',1,'validation',5,5);
INSERT INTO "patient" VALUES('pt-0005',1,'test',6,5);
INSERT INTO "patient" VALUES('pt-0006',1,'test',7,5);
INSERT INTO "patient" VALUES('pt-0007',1,'test',8,5);
INSERT INTO "patient" VALUES('pt-0090',1,'train',9,10);
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
);
INSERT INTO "promotion" VALUES('pm-2a1284ae9818',1,'promoted','the first model','ada',1,52);
INSERT INTO "promotion" VALUES('pm-2cd9c8777827',3,'promoted','not worse','ada',2,53);
CREATE TABLE promotion_comparison (
	promotion_id INTEGER NOT NULL,
	comparison_id INTEGER NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(promotion_id) REFERENCES promotion (id),
	FOREIGN KEY(comparison_id) REFERENCES comparison (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
);
INSERT INTO "promotion_comparison" VALUES(2,1,1,54);
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
);
INSERT INTO "quarantined_file" VALUES(1,'/data','broken.png','0000000000000000000000000000000000000000000000000000000000000000',12,'truncated','The file ends in its middle.',1,13);
CREATE TABLE recipe (
	recipe_sha256 TEXT NOT NULL,
	name TEXT NOT NULL,
	content TEXT NOT NULL,
	id INTEGER NOT NULL,
	entry INTEGER NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (recipe_sha256),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq)
);
INSERT INTO "recipe" VALUES('a3d859f352f32ee1d338bb202e09a36722d86fb0b85ae73cff43f71c2ff0df02','demo','{"training": {"seed": 20}}',1,19);
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
);
INSERT INTO "report" VALUES('rp-7a5020b120dc','report','reports/one','7f26104f77a7ce477546cd1ea99b6c99b5eb079e3ec9238583314eccea00440a',1,'["ev-a339dfe6077d"]',1,56);
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
);
INSERT INTO "stage_cost" VALUES('retrain','flow-1','train',6.5,12.0,1073741824,1,67);
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
);
INSERT INTO "study" VALUES('st-0000',1,'mura','WRIST',1,6);
INSERT INTO "study" VALUES('st-0001',2,'mura','WRIST',2,6);
INSERT INTO "study" VALUES('st-0002',3,'mura','WRIST',3,6);
INSERT INTO "study" VALUES('st-0003',4,'mura','WRIST',4,6);
INSERT INTO "study" VALUES('st-0004',5,'mura','WRIST',5,6);
INSERT INTO "study" VALUES('st-0005',6,'mura','WRIST',6,6);
INSERT INTO "study" VALUES('st-0006',7,'mura','WRIST',7,6);
INSERT INTO "study" VALUES('st-0007',8,'mura','WRIST',8,6);
INSERT INTO "study" VALUES('st-0090',9,'mura','WRIST',9,11);
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
);
INSERT INTO "study_prediction" VALUES(1,4,2,'validation',1,0.25,0.3,8,0,1,37);
INSERT INTO "study_prediction" VALUES(1,5,2,'validation',0,0.25,0.3,8,0,2,37);
INSERT INTO "study_prediction" VALUES(1,6,2,'test',1,0.25,0.3,8,0,3,39);
INSERT INTO "study_prediction" VALUES(1,7,2,'test',0,0.25,0.3,8,0,4,39);
INSERT INTO "study_prediction" VALUES(1,8,2,'test',1,0.25,0.3,8,0,5,39);
INSERT INTO "study_prediction" VALUES(2,4,2,'validation',1,0.25,0.3,2,0,6,45);
INSERT INTO "study_prediction" VALUES(2,5,2,'validation',0,0.25,0.3,2,0,7,45);
INSERT INTO "study_prediction" VALUES(2,6,2,'test',1,0.25,0.3,2,0,8,47);
INSERT INTO "study_prediction" VALUES(2,7,2,'test',0,0.25,0.3,2,0,9,47);
INSERT INTO "study_prediction" VALUES(2,8,2,'test',1,0.25,0.3,2,0,10,47);
INSERT INTO "study_prediction" VALUES(3,9,1,NULL,NULL,0.9,0.95,8,1,11,59);
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
);
INSERT INTO "training_epoch" VALUES(1,1,1.0,0.5,1.1,0.6,0.001,2.0,1,21);
INSERT INTO "training_epoch" VALUES(1,2,0.5,0.5,0.55,0.6,0.001,2.0,2,22);
INSERT INTO "training_epoch" VALUES(1,3,3.33333333333333314829e-01,0.5,3.66666666666666696272e-01,0.6,0.001,2.0,3,22);
INSERT INTO "training_epoch" VALUES(2,1,1.0,0.5,1.1,0.6,0.001,2.0,4,26);
INSERT INTO "training_epoch" VALUES(2,2,0.5,0.5,0.55,0.6,0.001,2.0,5,27);
INSERT INTO "training_epoch" VALUES(2,3,3.33333333333333314829e-01,0.5,3.66666666666666696272e-01,0.6,0.001,2.0,6,27);
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
);
INSERT INTO "training_event" VALUES(1,'finished',NULL,0,'none',NULL,2,6.5,1,23);
INSERT INTO "training_event" VALUES(2,'finished',NULL,0,'none',NULL,2,6.5,2,28);
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
);
INSERT INTO "training_run" VALUES('tr-cc7eb1faee55',1,1,1,'resnet50',20,'none',1,20);
INSERT INTO "training_run" VALUES('tr-f7094cd6d949',1,1,1,'efficientnetb0',20,'none',2,25);
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
);
INSERT INTO "tuning_trial" VALUES('t1',0,'resnet50',0.0001,32,0.8,'complete',3.0,'{"dropout": 0.3}',1,1,65);
CREATE TABLE work_lock (
	name TEXT NOT NULL,
	owner TEXT NOT NULL,
	acquired_at TEXT NOT NULL,
	renewed_at TEXT NOT NULL,
	PRIMARY KEY (name)
);
CREATE INDEX ix_audit_entry_at ON audit_entry (at);
CREATE INDEX ix_stage_cost_flow ON stage_cost (flow);
CREATE INDEX ix_study_patient_id ON study (patient_id);
CREATE INDEX ix_dataset_patient_patient_id ON dataset_patient (patient_id);
CREATE INDEX ix_image_pixel_sha256 ON image (pixel_sha256);
CREATE INDEX ix_image_study_id ON image (study_id);
CREATE INDEX ix_ingest_event_ingest_run_id ON ingest_event (ingest_run_id);
CREATE INDEX ix_leak_demonstration_dataset_version_id ON leak_demonstration (dataset_version_id);
CREATE INDEX quarantined_file_place ON quarantined_file (root, path);
CREATE INDEX ix_training_run_dataset_version_id ON training_run (dataset_version_id);
CREATE INDEX ix_dataset_member_image_id ON dataset_member (image_id);
CREATE INDEX ix_dataset_member_patient_id ON dataset_member (patient_id);
CREATE INDEX ix_dataset_member_study_id ON dataset_member (study_id);
CREATE INDEX ix_exclusion_image_id ON exclusion (image_id);
CREATE INDEX ix_exclusion_patient_id ON exclusion (patient_id);
CREATE INDEX ix_exclusion_study_id ON exclusion (study_id);
CREATE INDEX ix_model_version_training_run_id ON model_version (training_run_id);
CREATE INDEX ix_training_event_training_run_id ON training_event (training_run_id);
CREATE INDEX ix_drift_check_drift_id ON drift_check (drift_id);
CREATE INDEX ix_evaluation_dataset_version_id ON evaluation (dataset_version_id);
CREATE INDEX ix_evaluation_model_version_id ON evaluation (model_version_id);
CREATE INDEX ix_promotion_model_version_id ON promotion (model_version_id);
CREATE INDEX ix_comparison_evaluation_id ON comparison (evaluation_id);
CREATE INDEX ix_evaluation_event_evaluation_id ON evaluation_event (evaluation_id);
CREATE INDEX ix_holdout_look_dataset_version_id ON holdout_look (dataset_version_id);
CREATE INDEX ix_holdout_look_evaluation_id ON holdout_look (evaluation_id);
CREATE INDEX ix_image_prediction_entry ON image_prediction (entry);
CREATE INDEX ix_image_prediction_image_id ON image_prediction (image_id);
CREATE INDEX ix_metric_evaluation_id ON metric (evaluation_id);
CREATE INDEX ix_study_prediction_entry ON study_prediction (entry);
CREATE INDEX ix_study_prediction_study_id ON study_prediction (study_id);
CREATE INDEX ix_explanation_image_prediction_id ON explanation (image_prediction_id);
CREATE INDEX ix_promotion_comparison_promotion_id ON promotion_comparison (promotion_id);
CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only: corrections are new rows'); END;
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only: corrections are new rows'); END;
CREATE TRIGGER audit_entry_no_insert BEFORE INSERT ON audit_entry FOR EACH ROW WHEN NEW.seq <= (SELECT coalesce(max(seq), 0) FROM audit_entry) BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only: corrections are new rows'); END;
CREATE TRIGGER environment_no_update BEFORE UPDATE ON environment FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'environment is append-only: corrections are new rows'); END;
CREATE TRIGGER environment_no_delete BEFORE DELETE ON environment FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'environment is append-only: corrections are new rows'); END;
CREATE TRIGGER environment_no_insert BEFORE INSERT ON environment FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM environment) OR EXISTS (SELECT 1 FROM environment WHERE environment_sha256 = NEW.environment_sha256) BEGIN SELECT RAISE(ABORT, 'environment is append-only: corrections are new rows'); END;
CREATE TRIGGER fact_no_update BEFORE UPDATE ON fact FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'fact is append-only: corrections are new rows'); END;
CREATE TRIGGER fact_no_delete BEFORE DELETE ON fact FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'fact is append-only: corrections are new rows'); END;
CREATE TRIGGER fact_no_insert BEFORE INSERT ON fact FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM fact) OR EXISTS (SELECT 1 FROM fact WHERE name = NEW.name) BEGIN SELECT RAISE(ABORT, 'fact is append-only: corrections are new rows'); END;
CREATE TRIGGER label_version_no_update BEFORE UPDATE ON label_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'label_version is append-only: corrections are new rows'); END;
CREATE TRIGGER label_version_no_delete BEFORE DELETE ON label_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'label_version is append-only: corrections are new rows'); END;
CREATE TRIGGER label_version_no_insert BEFORE INSERT ON label_version FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM label_version) OR EXISTS (SELECT 1 FROM label_version WHERE version = NEW.version) BEGIN SELECT RAISE(ABORT, 'label_version is append-only: corrections are new rows'); END;
CREATE TRIGGER patient_no_update BEFORE UPDATE ON patient FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'patient is append-only: corrections are new rows'); END;
CREATE TRIGGER patient_no_delete BEFORE DELETE ON patient FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'patient is append-only: corrections are new rows'); END;
CREATE TRIGGER patient_no_insert BEFORE INSERT ON patient FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM patient) OR EXISTS (SELECT 1 FROM patient WHERE patient_key = NEW.patient_key) BEGIN SELECT RAISE(ABORT, 'patient is append-only: corrections are new rows'); END;
CREATE TRIGGER recipe_no_update BEFORE UPDATE ON recipe FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'recipe is append-only: corrections are new rows'); END;
CREATE TRIGGER recipe_no_delete BEFORE DELETE ON recipe FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'recipe is append-only: corrections are new rows'); END;
CREATE TRIGGER recipe_no_insert BEFORE INSERT ON recipe FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM recipe) OR EXISTS (SELECT 1 FROM recipe WHERE recipe_sha256 = NEW.recipe_sha256) BEGIN SELECT RAISE(ABORT, 'recipe is append-only: corrections are new rows'); END;
CREATE TRIGGER stage_cost_no_update BEFORE UPDATE ON stage_cost FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'stage_cost is append-only: corrections are new rows'); END;
CREATE TRIGGER stage_cost_no_delete BEFORE DELETE ON stage_cost FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'stage_cost is append-only: corrections are new rows'); END;
CREATE TRIGGER stage_cost_no_insert BEFORE INSERT ON stage_cost FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM stage_cost) BEGIN SELECT RAISE(ABORT, 'stage_cost is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_version_no_update BEFORE UPDATE ON dataset_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_version is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_version_no_delete BEFORE DELETE ON dataset_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_version is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_version_no_insert BEFORE INSERT ON dataset_version FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM dataset_version) OR EXISTS (SELECT 1 FROM dataset_version WHERE dataset_id = NEW.dataset_id) OR EXISTS (SELECT 1 FROM dataset_version WHERE manifest_sha256 = NEW.manifest_sha256) BEGIN SELECT RAISE(ABORT, 'dataset_version is append-only: corrections are new rows'); END;
CREATE TRIGGER ingest_run_no_update BEFORE UPDATE ON ingest_run FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'ingest_run is append-only: corrections are new rows'); END;
CREATE TRIGGER ingest_run_no_delete BEFORE DELETE ON ingest_run FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'ingest_run is append-only: corrections are new rows'); END;
CREATE TRIGGER ingest_run_no_insert BEFORE INSERT ON ingest_run FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM ingest_run) OR EXISTS (SELECT 1 FROM ingest_run WHERE ingest_run_id = NEW.ingest_run_id) BEGIN SELECT RAISE(ABORT, 'ingest_run is append-only: corrections are new rows'); END;
CREATE TRIGGER study_no_update BEFORE UPDATE ON study FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'study is append-only: corrections are new rows'); END;
CREATE TRIGGER study_no_delete BEFORE DELETE ON study FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'study is append-only: corrections are new rows'); END;
CREATE TRIGGER study_no_insert BEFORE INSERT ON study FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM study) OR EXISTS (SELECT 1 FROM study WHERE study_uid = NEW.study_uid) BEGIN SELECT RAISE(ABORT, 'study is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_patient_no_update BEFORE UPDATE ON dataset_patient FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_patient is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_patient_no_delete BEFORE DELETE ON dataset_patient FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_patient is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_patient_no_insert BEFORE INSERT ON dataset_patient FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM dataset_patient) OR EXISTS (SELECT 1 FROM dataset_patient WHERE dataset_version_id = NEW.dataset_version_id AND patient_id = NEW.patient_id) OR EXISTS (SELECT 1 FROM dataset_patient WHERE dataset_version_id = NEW.dataset_version_id AND patient_id = NEW.patient_id AND split = NEW.split) BEGIN SELECT RAISE(ABORT, 'dataset_patient is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_pixels_no_update BEFORE UPDATE ON dataset_pixels FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_pixels is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_pixels_no_delete BEFORE DELETE ON dataset_pixels FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_pixels is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_pixels_no_insert BEFORE INSERT ON dataset_pixels FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM dataset_pixels) OR EXISTS (SELECT 1 FROM dataset_pixels WHERE dataset_version_id = NEW.dataset_version_id AND pixel_sha256 = NEW.pixel_sha256) OR EXISTS (SELECT 1 FROM dataset_pixels WHERE dataset_version_id = NEW.dataset_version_id AND pixel_sha256 = NEW.pixel_sha256 AND split = NEW.split) BEGIN SELECT RAISE(ABORT, 'dataset_pixels is append-only: corrections are new rows'); END;
CREATE TRIGGER image_no_update BEFORE UPDATE ON image FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'image is append-only: corrections are new rows'); END;
CREATE TRIGGER image_no_delete BEFORE DELETE ON image FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'image is append-only: corrections are new rows'); END;
CREATE TRIGGER image_no_insert BEFORE INSERT ON image FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM image) OR EXISTS (SELECT 1 FROM image WHERE image_uid = NEW.image_uid) BEGIN SELECT RAISE(ABORT, 'image is append-only: corrections are new rows'); END;
CREATE TRIGGER ingest_event_no_update BEFORE UPDATE ON ingest_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'ingest_event is append-only: corrections are new rows'); END;
CREATE TRIGGER ingest_event_no_delete BEFORE DELETE ON ingest_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'ingest_event is append-only: corrections are new rows'); END;
CREATE TRIGGER ingest_event_no_insert BEFORE INSERT ON ingest_event FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM ingest_event) BEGIN SELECT RAISE(ABORT, 'ingest_event is append-only: corrections are new rows'); END;
CREATE TRIGGER label_no_update BEFORE UPDATE ON label FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'label is append-only: corrections are new rows'); END;
CREATE TRIGGER label_no_delete BEFORE DELETE ON label FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'label is append-only: corrections are new rows'); END;
CREATE TRIGGER label_no_insert BEFORE INSERT ON label FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM label) OR EXISTS (SELECT 1 FROM label WHERE study_id = NEW.study_id AND label_version = NEW.label_version) BEGIN SELECT RAISE(ABORT, 'label is append-only: corrections are new rows'); END;
CREATE TRIGGER leak_demonstration_no_update BEFORE UPDATE ON leak_demonstration FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'leak_demonstration is append-only: corrections are new rows'); END;
CREATE TRIGGER leak_demonstration_no_delete BEFORE DELETE ON leak_demonstration FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'leak_demonstration is append-only: corrections are new rows'); END;
CREATE TRIGGER leak_demonstration_no_insert BEFORE INSERT ON leak_demonstration FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM leak_demonstration) BEGIN SELECT RAISE(ABORT, 'leak_demonstration is append-only: corrections are new rows'); END;
CREATE TRIGGER quarantined_file_no_update BEFORE UPDATE ON quarantined_file FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'quarantined_file is append-only: corrections are new rows'); END;
CREATE TRIGGER quarantined_file_no_delete BEFORE DELETE ON quarantined_file FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'quarantined_file is append-only: corrections are new rows'); END;
CREATE TRIGGER quarantined_file_no_insert BEFORE INSERT ON quarantined_file FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM quarantined_file) BEGIN SELECT RAISE(ABORT, 'quarantined_file is append-only: corrections are new rows'); END;
CREATE TRIGGER report_no_update BEFORE UPDATE ON report FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'report is append-only: corrections are new rows'); END;
CREATE TRIGGER report_no_delete BEFORE DELETE ON report FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'report is append-only: corrections are new rows'); END;
CREATE TRIGGER report_no_insert BEFORE INSERT ON report FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM report) OR EXISTS (SELECT 1 FROM report WHERE report_id = NEW.report_id) BEGIN SELECT RAISE(ABORT, 'report is append-only: corrections are new rows'); END;
CREATE TRIGGER training_run_no_update BEFORE UPDATE ON training_run FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_run is append-only: corrections are new rows'); END;
CREATE TRIGGER training_run_no_delete BEFORE DELETE ON training_run FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_run is append-only: corrections are new rows'); END;
CREATE TRIGGER training_run_no_insert BEFORE INSERT ON training_run FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM training_run) OR EXISTS (SELECT 1 FROM training_run WHERE training_run_id = NEW.training_run_id) BEGIN SELECT RAISE(ABORT, 'training_run is append-only: corrections are new rows'); END;
CREATE TRIGGER tuning_trial_no_update BEFORE UPDATE ON tuning_trial FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tuning_trial is append-only: corrections are new rows'); END;
CREATE TRIGGER tuning_trial_no_delete BEFORE DELETE ON tuning_trial FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tuning_trial is append-only: corrections are new rows'); END;
CREATE TRIGGER tuning_trial_no_insert BEFORE INSERT ON tuning_trial FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM tuning_trial) OR EXISTS (SELECT 1 FROM tuning_trial WHERE study_name = NEW.study_name AND trial = NEW.trial AND state = NEW.state) BEGIN SELECT RAISE(ABORT, 'tuning_trial is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_member_no_update BEFORE UPDATE ON dataset_member FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_member is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_member_no_delete BEFORE DELETE ON dataset_member FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'dataset_member is append-only: corrections are new rows'); END;
CREATE TRIGGER dataset_member_no_insert BEFORE INSERT ON dataset_member FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM dataset_member) OR EXISTS (SELECT 1 FROM dataset_member WHERE dataset_version_id = NEW.dataset_version_id AND image_id = NEW.image_id) BEGIN SELECT RAISE(ABORT, 'dataset_member is append-only: corrections are new rows'); END;
CREATE TRIGGER exclusion_no_update BEFORE UPDATE ON exclusion FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'exclusion is append-only: corrections are new rows'); END;
CREATE TRIGGER exclusion_no_delete BEFORE DELETE ON exclusion FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'exclusion is append-only: corrections are new rows'); END;
CREATE TRIGGER exclusion_no_insert BEFORE INSERT ON exclusion FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM exclusion) BEGIN SELECT RAISE(ABORT, 'exclusion is append-only: corrections are new rows'); END;
CREATE TRIGGER model_version_no_update BEFORE UPDATE ON model_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'model_version is append-only: corrections are new rows'); END;
CREATE TRIGGER model_version_no_delete BEFORE DELETE ON model_version FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'model_version is append-only: corrections are new rows'); END;
CREATE TRIGGER model_version_no_insert BEFORE INSERT ON model_version FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM model_version) OR EXISTS (SELECT 1 FROM model_version WHERE model_version_id = NEW.model_version_id) BEGIN SELECT RAISE(ABORT, 'model_version is append-only: corrections are new rows'); END;
CREATE TRIGGER near_duplicate_no_update BEFORE UPDATE ON near_duplicate FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'near_duplicate is append-only: corrections are new rows'); END;
CREATE TRIGGER near_duplicate_no_delete BEFORE DELETE ON near_duplicate FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'near_duplicate is append-only: corrections are new rows'); END;
CREATE TRIGGER near_duplicate_no_insert BEFORE INSERT ON near_duplicate FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM near_duplicate) OR EXISTS (SELECT 1 FROM near_duplicate WHERE image_a_id = NEW.image_a_id AND image_b_id = NEW.image_b_id) BEGIN SELECT RAISE(ABORT, 'near_duplicate is append-only: corrections are new rows'); END;
CREATE TRIGGER training_epoch_no_update BEFORE UPDATE ON training_epoch FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_epoch is append-only: corrections are new rows'); END;
CREATE TRIGGER training_epoch_no_delete BEFORE DELETE ON training_epoch FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_epoch is append-only: corrections are new rows'); END;
CREATE TRIGGER training_epoch_no_insert BEFORE INSERT ON training_epoch FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM training_epoch) OR EXISTS (SELECT 1 FROM training_epoch WHERE training_run_id = NEW.training_run_id AND epoch = NEW.epoch) BEGIN SELECT RAISE(ABORT, 'training_epoch is append-only: corrections are new rows'); END;
CREATE TRIGGER training_event_no_update BEFORE UPDATE ON training_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_event is append-only: corrections are new rows'); END;
CREATE TRIGGER training_event_no_delete BEFORE DELETE ON training_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'training_event is append-only: corrections are new rows'); END;
CREATE TRIGGER training_event_no_insert BEFORE INSERT ON training_event FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM training_event) BEGIN SELECT RAISE(ABORT, 'training_event is append-only: corrections are new rows'); END;
CREATE TRIGGER drift_check_no_update BEFORE UPDATE ON drift_check FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'drift_check is append-only: corrections are new rows'); END;
CREATE TRIGGER drift_check_no_delete BEFORE DELETE ON drift_check FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'drift_check is append-only: corrections are new rows'); END;
CREATE TRIGGER drift_check_no_insert BEFORE INSERT ON drift_check FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM drift_check) BEGIN SELECT RAISE(ABORT, 'drift_check is append-only: corrections are new rows'); END;
CREATE TRIGGER evaluation_no_update BEFORE UPDATE ON evaluation FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'evaluation is append-only: corrections are new rows'); END;
CREATE TRIGGER evaluation_no_delete BEFORE DELETE ON evaluation FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'evaluation is append-only: corrections are new rows'); END;
CREATE TRIGGER evaluation_no_insert BEFORE INSERT ON evaluation FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM evaluation) OR EXISTS (SELECT 1 FROM evaluation WHERE evaluation_id = NEW.evaluation_id) BEGIN SELECT RAISE(ABORT, 'evaluation is append-only: corrections are new rows'); END;
CREATE TRIGGER model_member_no_update BEFORE UPDATE ON model_member FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'model_member is append-only: corrections are new rows'); END;
CREATE TRIGGER model_member_no_delete BEFORE DELETE ON model_member FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'model_member is append-only: corrections are new rows'); END;
CREATE TRIGGER model_member_no_insert BEFORE INSERT ON model_member FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM model_member) OR EXISTS (SELECT 1 FROM model_member WHERE model_version_id = NEW.model_version_id AND member_id = NEW.member_id) BEGIN SELECT RAISE(ABORT, 'model_member is append-only: corrections are new rows'); END;
CREATE TRIGGER operating_point_no_update BEFORE UPDATE ON operating_point FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'operating_point is append-only: corrections are new rows'); END;
CREATE TRIGGER operating_point_no_delete BEFORE DELETE ON operating_point FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'operating_point is append-only: corrections are new rows'); END;
CREATE TRIGGER operating_point_no_insert BEFORE INSERT ON operating_point FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM operating_point) OR EXISTS (SELECT 1 FROM operating_point WHERE model_version_id = NEW.model_version_id AND level = NEW.level AND name = NEW.name) BEGIN SELECT RAISE(ABORT, 'operating_point is append-only: corrections are new rows'); END;
CREATE TRIGGER promotion_no_update BEFORE UPDATE ON promotion FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'promotion is append-only: corrections are new rows'); END;
CREATE TRIGGER promotion_no_delete BEFORE DELETE ON promotion FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'promotion is append-only: corrections are new rows'); END;
CREATE TRIGGER promotion_no_insert BEFORE INSERT ON promotion FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM promotion) OR EXISTS (SELECT 1 FROM promotion WHERE promotion_id = NEW.promotion_id) BEGIN SELECT RAISE(ABORT, 'promotion is append-only: corrections are new rows'); END;
CREATE TRIGGER comparison_no_update BEFORE UPDATE ON comparison FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'comparison is append-only: corrections are new rows'); END;
CREATE TRIGGER comparison_no_delete BEFORE DELETE ON comparison FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'comparison is append-only: corrections are new rows'); END;
CREATE TRIGGER comparison_no_insert BEFORE INSERT ON comparison FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM comparison) OR EXISTS (SELECT 1 FROM comparison WHERE comparison_id = NEW.comparison_id) BEGIN SELECT RAISE(ABORT, 'comparison is append-only: corrections are new rows'); END;
CREATE TRIGGER evaluation_event_no_update BEFORE UPDATE ON evaluation_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'evaluation_event is append-only: corrections are new rows'); END;
CREATE TRIGGER evaluation_event_no_delete BEFORE DELETE ON evaluation_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'evaluation_event is append-only: corrections are new rows'); END;
CREATE TRIGGER evaluation_event_no_insert BEFORE INSERT ON evaluation_event FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM evaluation_event) BEGIN SELECT RAISE(ABORT, 'evaluation_event is append-only: corrections are new rows'); END;
CREATE TRIGGER holdout_look_no_update BEFORE UPDATE ON holdout_look FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'holdout_look is append-only: corrections are new rows'); END;
CREATE TRIGGER holdout_look_no_delete BEFORE DELETE ON holdout_look FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'holdout_look is append-only: corrections are new rows'); END;
CREATE TRIGGER holdout_look_no_insert BEFORE INSERT ON holdout_look FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM holdout_look) BEGIN SELECT RAISE(ABORT, 'holdout_look is append-only: corrections are new rows'); END;
CREATE TRIGGER image_prediction_no_update BEFORE UPDATE ON image_prediction FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'image_prediction is append-only: corrections are new rows'); END;
CREATE TRIGGER image_prediction_no_delete BEFORE DELETE ON image_prediction FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'image_prediction is append-only: corrections are new rows'); END;
CREATE TRIGGER image_prediction_no_insert BEFORE INSERT ON image_prediction FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM image_prediction) OR EXISTS (SELECT 1 FROM image_prediction WHERE evaluation_id = NEW.evaluation_id AND image_id = NEW.image_id) BEGIN SELECT RAISE(ABORT, 'image_prediction is append-only: corrections are new rows'); END;
CREATE TRIGGER metric_no_update BEFORE UPDATE ON metric FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'metric is append-only: corrections are new rows'); END;
CREATE TRIGGER metric_no_delete BEFORE DELETE ON metric FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'metric is append-only: corrections are new rows'); END;
CREATE TRIGGER metric_no_insert BEFORE INSERT ON metric FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM metric) BEGIN SELECT RAISE(ABORT, 'metric is append-only: corrections are new rows'); END;
CREATE TRIGGER study_prediction_no_update BEFORE UPDATE ON study_prediction FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'study_prediction is append-only: corrections are new rows'); END;
CREATE TRIGGER study_prediction_no_delete BEFORE DELETE ON study_prediction FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'study_prediction is append-only: corrections are new rows'); END;
CREATE TRIGGER study_prediction_no_insert BEFORE INSERT ON study_prediction FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM study_prediction) OR EXISTS (SELECT 1 FROM study_prediction WHERE evaluation_id = NEW.evaluation_id AND study_id = NEW.study_id) BEGIN SELECT RAISE(ABORT, 'study_prediction is append-only: corrections are new rows'); END;
CREATE TRIGGER explanation_no_update BEFORE UPDATE ON explanation FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'explanation is append-only: corrections are new rows'); END;
CREATE TRIGGER explanation_no_delete BEFORE DELETE ON explanation FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'explanation is append-only: corrections are new rows'); END;
CREATE TRIGGER explanation_no_insert BEFORE INSERT ON explanation FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM explanation) OR EXISTS (SELECT 1 FROM explanation WHERE explanation_id = NEW.explanation_id) BEGIN SELECT RAISE(ABORT, 'explanation is append-only: corrections are new rows'); END;
CREATE TRIGGER promotion_comparison_no_update BEFORE UPDATE ON promotion_comparison FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'promotion_comparison is append-only: corrections are new rows'); END;
CREATE TRIGGER promotion_comparison_no_delete BEFORE DELETE ON promotion_comparison FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'promotion_comparison is append-only: corrections are new rows'); END;
CREATE TRIGGER promotion_comparison_no_insert BEFORE INSERT ON promotion_comparison FOR EACH ROW WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM promotion_comparison) BEGIN SELECT RAISE(ABORT, 'promotion_comparison is append-only: corrections are new rows'); END;
CREATE VIEW studies AS
SELECT s.study_uid, p.patient_key, p.patient_known, s.source, s.body_part, (SELECT l.label FROM label l WHERE l.study_id = s.id ORDER BY l.label_version DESC LIMIT 1) AS label,
  (SELECT max(l.label_version) FROM label l WHERE l.study_id = s.id) AS label_version,
  CASE WHEN (SELECT l.label FROM label l WHERE l.study_id = s.id ORDER BY l.label_version DESC LIMIT 1) IS NOT NULL THEN p.split END AS split,
  (SELECT count(*) FROM image i WHERE i.study_id = s.id) AS n_images,
  coalesce((SELECT CASE WHEN x.undone = 0 THEN x.reason END FROM exclusion x WHERE x.study_id = s.id ORDER BY x.id DESC LIMIT 1), (SELECT CASE WHEN x.undone = 0 THEN x.reason END FROM exclusion x WHERE x.patient_id = p.id ORDER BY x.id DESC LIMIT 1)) AS excluded_reason,
  a.at AS first_seen_at
FROM study s JOIN patient p ON p.id = s.patient_id JOIN audit_entry a ON a.seq = s.entry;
CREATE VIEW images AS
SELECT i.image_uid, s.study_uid, p.patient_key, i.path, i.format, i.file_sha256, i.pixel_sha256,
  i.rows AS "rows", i.columns AS "columns", i.photometric, i.inverted, i.multi_view, i.view AS "view", i.hardware,
  i.sex, i.age, i.decode_steps, (SELECT l.label FROM label l WHERE l.study_id = s.id ORDER BY l.label_version DESC LIMIT 1) AS label,
  CASE WHEN (SELECT l.label FROM label l WHERE l.study_id = s.id ORDER BY l.label_version DESC LIMIT 1) IS NOT NULL THEN p.split END AS split, a.at AS ingested_at
FROM image i JOIN study s ON s.id = i.study_id JOIN patient p ON p.id = s.patient_id
JOIN audit_entry a ON a.seq = i.entry;
CREATE VIEW quarantined_files AS
SELECT q.path, q.file_sha256, q.reason_code, q.reason, r.ingest_run_id, a.at AS quarantined_at
FROM quarantined_file q JOIN ingest_run r ON r.id = q.ingest_run_id JOIN audit_entry a ON a.seq = q.entry;
CREATE VIEW ingest_runs AS
SELECT r.ingest_run_id, r.source, coalesce(e.status, 'running') AS status,
  e.n_new + e.n_unchanged + e.n_changed + e.n_filtered + e.n_ignored + e.n_quarantined AS n_seen,
  e.n_new, e.n_unchanged, e.n_changed, e.n_filtered, e.n_ignored, e.n_quarantined, e.seconds,
  a.at AS started_at, b.at AS finished_at, a.prefect_flow_run_id
FROM ingest_run r JOIN audit_entry a ON a.seq = r.entry
LEFT JOIN ingest_event e ON e.id = (SELECT max(x.id) FROM ingest_event x WHERE x.ingest_run_id = r.id)
LEFT JOIN audit_entry b ON b.seq = e.entry;
CREATE VIEW dataset_versions AS
SELECT d.dataset_id, d.manifest_sha256, d.label_version, d.n_patients, d.n_studies, d.n_images, d.guard_status,
  a.at AS frozen_at
FROM dataset_version d JOIN audit_entry a ON a.seq = d.entry;
CREATE VIEW dataset_members AS
SELECT d.dataset_id, i.image_uid, s.study_uid, p.patient_key, m.split, m.label, m.included, m.excluded_reason
FROM dataset_member m JOIN dataset_version d ON d.id = m.dataset_version_id JOIN image i ON i.id = m.image_id
JOIN study s ON s.id = m.study_id JOIN patient p ON p.id = m.patient_id;
CREATE VIEW training_runs AS
SELECT t.training_run_id, t.architecture, d.dataset_id, r.recipe_sha256,
  coalesce(e.weights_source, t.weights_source) AS weights_source, t.seed,
  CASE WHEN e.status IS NULL OR e.status = 'resumed' THEN 'running' ELSE e.status END AS status,
  (SELECT count(*) FROM training_epoch h WHERE h.training_run_id = t.id) AS epochs_run, e.best_epoch, e.seconds,
  n.git_commit, a.prefect_flow_run_id, a.at AS started_at,
  CASE WHEN e.status <> 'resumed' THEN b.at END AS finished_at
FROM training_run t JOIN dataset_version d ON d.id = t.dataset_version_id JOIN recipe r ON r.id = t.recipe_id
JOIN environment n ON n.id = t.environment_id JOIN audit_entry a ON a.seq = t.entry
LEFT JOIN training_event e ON e.id = (SELECT max(x.id) FROM training_event x WHERE x.training_run_id = t.id)
LEFT JOIN audit_entry b ON b.seq = e.entry;
CREATE VIEW training_history AS
SELECT t.training_run_id, h.epoch, h.loss, h.accuracy, h.val_loss, h.val_accuracy, h.learning_rate, h.seconds
FROM training_epoch h JOIN training_run t ON t.id = h.training_run_id;
CREATE VIEW model_versions AS
SELECT m.model_version_id, m.architecture, t.training_run_id, m.artifact_sha256,
  (SELECT group_concat(item, ',') FROM (SELECT x.model_version_id AS item, k.id AS place FROM model_member k
   JOIN model_version x ON x.id = k.member_id WHERE k.model_version_id = m.id ORDER BY k.id) listed) AS members,
  CASE
    WHEN m.id = (SELECT c.model_version_id FROM promotion c WHERE c.decision IN ('promoted', 'rolled_back')
                 ORDER BY c.id DESC LIMIT 1) THEN 'champion'
    WHEN EXISTS (SELECT 1 FROM promotion c WHERE c.decision IN ('promoted', 'rolled_back')
                 AND c.model_version_id = m.id) THEN 'retired'
    WHEN (SELECT c.decision FROM promotion c WHERE c.model_version_id = m.id ORDER BY c.id DESC LIMIT 1) = 'refused'
      THEN 'rejected'
    ELSE 'challenger'
  END AS role, a.at AS created_at
FROM model_version m JOIN audit_entry a ON a.seq = m.entry LEFT JOIN training_run t ON t.id = m.training_run_id;
CREATE VIEW operating_points AS
SELECT m.model_version_id, o.level, o.name, o.threshold, o.target, o.slope, o.intercept, o.serving
FROM operating_point o JOIN model_version m ON m.id = o.model_version_id;
CREATE VIEW image_predictions AS
SELECT 'ip-' || CAST(p.id AS TEXT) AS prediction_id, e.evaluation_id, e.purpose, m.model_version_id,
  m.architecture, d.dataset_id, e.label_version, p.split, i.image_uid, s.study_uid, t.patient_key, p.label, p.raw_probability, p.probability,
  o.name AS operating_point, o.threshold, p.predicted_label, a.prefect_flow_run_id, a.at AS created_at
FROM image_prediction p
JOIN evaluation e ON e.id = p.evaluation_id
JOIN model_version m ON m.id = e.model_version_id
JOIN image i ON i.id = p.image_id
JOIN study s ON s.id = i.study_id
JOIN patient t ON t.id = s.patient_id
LEFT JOIN audit_entry a ON a.seq = p.entry
LEFT JOIN dataset_version d ON d.id = e.dataset_version_id
LEFT JOIN operating_point o ON o.id = p.operating_point_id;
CREATE VIEW study_predictions AS
SELECT 'sp-' || CAST(p.id AS TEXT) AS prediction_id, e.evaluation_id, e.purpose, m.model_version_id,
  m.architecture, d.dataset_id, e.label_version, p.split, s.study_uid, t.patient_key, p.n_images, p.label, p.raw_probability, p.probability,
  o.name AS operating_point, o.threshold, p.predicted_label, a.prefect_flow_run_id, a.at AS created_at
FROM study_prediction p
JOIN evaluation e ON e.id = p.evaluation_id
JOIN model_version m ON m.id = e.model_version_id
JOIN study s ON s.id = p.study_id
JOIN patient t ON t.id = s.patient_id
LEFT JOIN audit_entry a ON a.seq = p.entry
LEFT JOIN dataset_version d ON d.id = e.dataset_version_id
LEFT JOIN operating_point o ON o.id = p.operating_point_id;
CREATE VIEW evaluation_metrics AS
SELECT 'me-' || CAST(x.id AS TEXT) AS metric_id, e.evaluation_id, m.model_version_id, m.architecture, d.dataset_id,
  e.label_version, x.split, x.level, x.subgroup, x.operating_point, x.metric, x.value, x.ci_low, x.ci_high,
  x.n_images, x.n_studies, x.n_patients, x.tp, x.fp, x.tn, x.fn, x.threshold, x.n_resamples, x.bootstrap_seed,
  a.prefect_flow_run_id, a.at AS created_at
FROM metric x JOIN evaluation e ON e.id = x.evaluation_id JOIN model_version m ON m.id = e.model_version_id
JOIN audit_entry a ON a.seq = x.entry LEFT JOIN dataset_version d ON d.id = e.dataset_version_id;
CREATE VIEW comparisons AS
SELECT c.comparison_id, e.evaluation_id, x.model_version_id AS challenger, y.model_version_id AS reference, c.metric,
  c.difference, c.ci_low, c.ci_high, c.method, c.n_patients, c.holdout_looks, a.at AS created_at
FROM comparison c JOIN evaluation e ON e.id = c.evaluation_id JOIN model_version x ON x.id = c.challenger_id
JOIN model_version y ON y.id = c.reference_id JOIN audit_entry a ON a.seq = c.entry;
CREATE VIEW promotions AS
SELECT p.promotion_id, m.model_version_id, p.decision, p.reason, p.decided_by,
  (SELECT group_concat(item, ',') FROM (SELECT c.comparison_id AS item, k.id AS place FROM promotion_comparison k
   JOIN comparison c ON c.id = k.comparison_id WHERE k.promotion_id = p.id ORDER BY k.id) listed) AS comparison_ids,
  a.at AS created_at
FROM promotion p JOIN model_version m ON m.id = p.model_version_id JOIN audit_entry a ON a.seq = p.entry;
CREATE VIEW explanations AS
SELECT x.explanation_id, 'ip-' || CAST(x.image_prediction_id AS TEXT) AS prediction_id, x.method, x.path,
  x.file_sha256, x.sanity_score, x.withheld, a.at AS created_at
FROM explanation x JOIN audit_entry a ON a.seq = x.entry;
CREATE VIEW tuning_trials AS
SELECT t.study_name, t.trial, t.architecture, t.learning_rate, t.batch_size, t.value, t.state, t.seconds,
  a.at AS created_at
FROM tuning_trial t JOIN audit_entry a ON a.seq = t.entry;
CREATE VIEW audit_trail AS
SELECT seq, table_name, first_row, last_row, n_rows, batch_sha256, chain_sha256, actor, at FROM audit_entry;
CREATE VIEW label_history AS
SELECT s.study_uid, l.label_version, l.label, v.note, a.actor, a.at AS created_at
FROM label l JOIN study s ON s.id = l.study_id JOIN label_version v ON v.version = l.label_version
JOIN audit_entry a ON a.seq = l.entry;
CREATE VIEW exclusions AS
SELECT i.image_uid, s.study_uid, p.patient_key, x.reason, x.undone, a.actor, a.at AS created_at
FROM exclusion x JOIN audit_entry a ON a.seq = x.entry LEFT JOIN image i ON i.id = x.image_id
LEFT JOIN study s ON s.id = x.study_id LEFT JOIN patient p ON p.id = x.patient_id;
CREATE VIEW near_duplicates AS
SELECT i.image_uid AS image_a, j.image_uid AS image_b, n.distance, n.correlation, n.confirmed, a.at AS created_at
FROM near_duplicate n JOIN image i ON i.id = n.image_a_id JOIN image j ON j.id = n.image_b_id
JOIN audit_entry a ON a.seq = n.entry;
CREATE VIEW evaluations AS
SELECT e.evaluation_id, e.purpose, m.model_version_id, m.architecture, d.dataset_id, e.label_version,
  CASE WHEN v.status IS NULL THEN 'running' ELSE v.status END AS status, r.recipe_sha256, n.git_commit, n.git_dirty,
  a.actor, a.prefect_flow_run_id, a.at AS started_at, b.at AS finished_at
FROM evaluation e JOIN model_version m ON m.id = e.model_version_id JOIN environment n ON n.id = e.environment_id
JOIN audit_entry a ON a.seq = e.entry LEFT JOIN dataset_version d ON d.id = e.dataset_version_id
LEFT JOIN recipe r ON r.id = e.recipe_id
LEFT JOIN evaluation_event v ON v.id = (SELECT max(x.id) FROM evaluation_event x WHERE x.evaluation_id = e.id)
LEFT JOIN audit_entry b ON b.seq = v.entry;
CREATE VIEW holdout_looks AS
SELECT h.session, e.evaluation_id, d.dataset_id, a.actor, a.at AS created_at
FROM holdout_look h JOIN evaluation e ON e.id = h.evaluation_id
JOIN dataset_version d ON d.id = h.dataset_version_id JOIN audit_entry a ON a.seq = h.entry;
CREATE VIEW leak_demonstrations AS
SELECT d.dataset_id, k.architecture, k.protocol, k.metric, k.value, k.ci_low, k.ci_high, k.n_images, k.n_patients,
  k.recipe_sha256, k.note, a.at AS created_at
FROM leak_demonstration k JOIN dataset_version d ON d.id = k.dataset_version_id JOIN audit_entry a ON a.seq = k.entry;
CREATE VIEW reports AS
SELECT r.report_id, r.kind, r.path, r.file_sha256, d.dataset_id, r.evaluation_ids, a.at AS created_at
FROM report r JOIN audit_entry a ON a.seq = r.entry LEFT JOIN dataset_version d ON d.id = r.dataset_version_id;
CREATE VIEW drift_checks AS
SELECT c.drift_id, m.model_version_id, c.feature, c.statistic, c.p_value, c.p_adjusted, c.psi, c.alert,
  c.n_reference, c.n_current, a.at AS created_at
FROM drift_check c JOIN audit_entry a ON a.seq = c.entry LEFT JOIN model_version m ON m.id = c.model_version_id;
CREATE VIEW stage_costs AS
SELECT c.flow, c.run_id, c.stage, c.wall_seconds, c.cpu_seconds, c.peak_bytes, a.prefect_flow_run_id,
  a.at AS created_at
FROM stage_cost c JOIN audit_entry a ON a.seq = c.entry;
CREATE VIEW recipes_used AS SELECT recipe_sha256, name, content FROM recipe;
COMMIT;
