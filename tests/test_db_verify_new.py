"""`wrist verify --new`: from the last verified link on, which nobody but the key's holder can put elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from db_story import BY, tell
from db_tamper import does, home_of, past_the_guards, rewrite_chain
from prefect_fixtures import WRIST
from sqlalchemy import Engine, text

from db import labels, stage_costs
from db.audit import verified_link
from db.audit.verify import Verdict
from db.engine import open_catalogue
from db.home import identity_key_file, verified_link_file
from tasks.verified_link import check
from wrist_model.radiograph.pseudonyms import IdentityKey

COST = stage_costs.StageCost("flow", "stage", 1.0)


def verified(engine: Engine, anchor: Path | None = None) -> IdentityKey:
    """A home with a key, all of which was verified."""
    key = IdentityKey.load_or_make(identity_key_file(home_of(engine)))
    assert check(engine, anchor=anchor).ok
    return key


def new(engine: Engine, anchor: Path | None = None) -> Verdict:
    return check(engine, new=True, anchor=anchor)


def where(verdict: Verdict) -> list[str]:
    return [one.where for one in verdict.findings]


def test_only_what_is_new_is_read_and_the_verdict_says_what_was_not(copied: Engine) -> None:
    verified(copied)
    nothing = new(copied)
    assert nothing.ok and (nothing.checked["links"], nothing.checked["rows"], nothing.checked["files"]) == (0, 0, 0)
    stage_costs.add_stage_cost(copied, COST, BY)
    labels.relabel(copied, {"st-0001": 0}, "x", BY)
    some = new(copied)
    assert some.ok and 2 <= some.checked["rows"] < 10 and some.checked["links"] >= 2
    assert nothing.reached is not None and f"links 1 to {nothing.reached.seq} " in some.not_read
    assert nothing.reached.walked_at in some.not_read
    assert new(copied).checked["rows"] == 0
    whole = check(copied)
    assert whole.ok and not whole.not_read and whole.checked["rows"] > 100


def test_before_the_first_whole_check_and_without_a_key_all_is_read_and_it_is_said_why(copied: Engine) -> None:
    said: list[str] = []
    verdict = check(copied, new=True, say=said.append)
    assert verdict.ok and not verdict.not_read and "identity.key" in said[0]
    assert not verified_link_file(home_of(copied)).exists()
    IdentityKey.load_or_make(identity_key_file(home_of(copied)))
    verdict = check(copied, new=True, say=said.append)
    assert verdict.checked["rows"] > 100 and said[1:] == ["No link is known to be verified: all of it is read."]
    assert new(copied).checked["rows"] == 0


def test_a_new_row_that_was_changed_is_found_and_an_old_one_by_the_whole_walk(copied: Engine) -> None:
    verified(copied)
    stage_costs.add_stage_cost(copied, COST, BY)
    with past_the_guards(copied, "stage_cost") as connection:
        connection.execute(text("UPDATE stage_cost SET wall_seconds = 2 WHERE id = (SELECT max(id) FROM stage_cost)"))
        connection.commit()
    verdict = new(copied)
    assert not verdict.ok and where(verdict)[0].startswith("stage_cost row ")
    assert not verified_link_file(home_of(copied)).exists() and not new(copied).ok  # what is broken stays broken


def test_an_old_row_is_not_read_again_before_the_whole_walk(copied: Engine) -> None:
    verified(copied)
    with past_the_guards(copied, "image_prediction") as connection:
        connection.execute(text("UPDATE image_prediction SET raw_probability = 0.26 WHERE id = 3"))
        connection.commit()
    assert new(copied).ok and "image_prediction row 3" in where(check(copied))


def test_a_row_without_a_link_and_a_key_that_leads_nowhere_are_found(copied: Engine) -> None:
    verified(copied)
    does(
        copied,
        ["INSERT INTO stage_cost (id, flow, run_id, stage, wall_seconds, entry) VALUES (900, 'f', 'r', 's', 1, 1)"],
    )
    assert where(new(copied))[0] == "stage_cost row 900"


def test_a_chain_that_was_rewritten_or_cut_is_found(copied: Engine) -> None:
    verified(copied)
    kept = verified_link_file(home_of(copied)).read_text()
    with past_the_guards(copied) as connection:
        connection.execute(text("UPDATE stage_cost SET wall_seconds = 2 WHERE id = 1"))
        rewrite_chain(connection)
        connection.commit()
    verdict = new(copied)
    assert not verdict.ok and "was written anew" in verdict.findings[0].message
    assert check(copied).ok  # a chain can't testify to itself
    verified_link_file(home_of(copied)).write_text(kept)
    with past_the_guards(copied) as connection:
        last = connection.execute(text("SELECT max(seq) FROM audit_entry")).scalar()
        row = connection.execute(text("SELECT table_name AS place FROM audit_entry WHERE seq = :s"), {"s": last}).one()
        connection.execute(text(f"DELETE FROM {row.place} WHERE entry = :s"), {"s": last})
        connection.execute(text("DELETE FROM audit_entry WHERE seq = :s"), {"s": last})
        connection.commit()
    verdict = new(copied)
    assert not verdict.ok and "is gone" in verdict.findings[0].message


def test_who_can_write_the_home_but_not_read_its_key_can_not_put_the_link_elsewhere(copied: Engine) -> None:
    verified(copied)
    file = verified_link_file(home_of(copied))
    before = json.loads(file.read_text())
    stage_costs.add_stage_cost(copied, COST, BY)
    with past_the_guards(copied, "stage_cost") as connection:
        connection.execute(text("UPDATE stage_cost SET wall_seconds = 2 WHERE id = (SELECT max(id) FROM stage_cost)"))
        last = connection.execute(text("SELECT seq, chain_sha256 FROM audit_entry ORDER BY seq DESC LIMIT 1")).one()
        connection.commit()
    forged = {**before["link"], "seq": last.seq, "chain_sha256": last.chain_sha256}
    forged["ends"] = {**before["link"]["ends"], "stage_cost": before["link"]["ends"]["stage_cost"] + 1}
    for content in (
        {"link": forged, "seal": before["seal"]},
        {"link": forged, "seal": IdentityKey(b"another key of the same size, 32.").seal(json.dumps(forged))},
        {"link": forged},
        [],
    ):
        file.write_text(json.dumps(content))
        verdict = new(copied)
        assert [one.kind for one in verdict.findings][:2] == ["verified_link", "row"]
        assert verdict.checked["rows"] > 100


def test_with_an_anchor_not_even_the_key_s_holder_can(copied: Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    key = verified(copied, anchor)
    first = json.loads(anchor.read_text())["links"][-1]["seq"]
    stage_costs.add_stage_cost(copied, COST, BY)
    assert new(copied, anchor).ok
    assert json.loads(anchor.read_text())["links"][-1]["seq"] == first + 1
    stage_costs.add_stage_cost(copied, COST, BY)
    with past_the_guards(copied, "stage_cost") as connection:
        connection.execute(text("UPDATE stage_cost SET wall_seconds = 2 WHERE id = (SELECT max(id) FROM stage_cost)"))
        last = connection.execute(text("SELECT seq, chain_sha256 FROM audit_entry ORDER BY seq DESC LIMIT 1")).one()
        connection.commit()
    known = verified_link.read(verified_link_file(home_of(copied)), key.seal)
    assert known is not None
    ends = {**known.ends, "stage_cost": known.ends["stage_cost"] + 1}
    forged = replace(known, seq=last.seq, chain_sha256=last.chain_sha256, ends=ends)
    file = verified_link_file(home_of(copied))
    verified_link.write(file, forged, key.seal, verified_link.begun(file))
    assert new(copied).ok  # what the key alone can't keep out
    assert where(new(copied, anchor))[0].startswith("stage_cost row ")


@pytest.mark.parametrize("known", [True, False])
def test_a_check_that_began_before_another_found_something_is_not_remembered(copied: Engine, known: bool) -> None:
    verified(copied)
    if not known:
        verified_link.forget(verified_link_file(home_of(copied)))
    found: list[bool] = []

    def meanwhile(stage: str, *_: object) -> None:
        if stage == "verify: files" and not found:
            with past_the_guards(copied, "image_prediction") as connection:
                connection.execute(text("UPDATE image_prediction SET raw_probability = 0.26 WHERE id = 3"))
                connection.commit()
            found.append(check(copied).ok)

    assert check(copied, progress=meanwhile).ok and found == [False]
    assert not verified_link_file(home_of(copied)).exists()
    assert "image_prediction row 3" in where(new(copied))


def test_checks_that_end_at_once_leave_a_whole_file_of_one_of_them(tmp_path: Path) -> None:
    file, key = tmp_path / "verified.json", IdentityKey(b"another key of the same size, 32.")
    links = [verified_link.VerifiedLink(n, "0" * 64, {"image": 10**n}, "t", "t" * n) for n in range(40)]
    since, torn = verified_link.begun(file), 0
    with ThreadPoolExecutor(8) as pool:
        ends = [pool.submit(verified_link.write, file, link, key.seal, since) for link in links]
        while not all(end.done() for end in ends):
            torn += verified_link.read(file, key.seal) not in (None, *links)
    assert torn == 0 and verified_link.read(file, key.seal) in links
    assert sorted(path.name for path in tmp_path.iterdir()) == ["verified.json", "verified.json.lock"]


def test_an_anchor_of_an_earlier_wrist_says_no_rows_so_all_is_read(copied: Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    verified(copied, anchor)
    content = json.loads(anchor.read_text())
    anchor.write_text(json.dumps({name: content[name] for name in ("wrist_anchor", "catalogue", "links")}))
    assert new(copied, anchor).checked["rows"] > 100
    assert new(copied, anchor).checked["rows"] == 0


def test_the_command_says_what_it_did_not_read(tmp_path: Path) -> None:
    engine = open_catalogue(tmp_path)
    tell(engine)
    engine.dispose()
    IdentityKey.load_or_make(identity_key_file(tmp_path))
    said = []
    for words in (("verify",), ("verify", "--new"), ("verify", "--new", "--json")):
        environment = {**os.environ, "WRIST_HOME": str(tmp_path)}
        done = subprocess.run([WRIST, *words], env=environment, capture_output=True, text=True, check=True)
        said.append(done.stdout)
    assert said[0].startswith("All as it was written") and "Not read" not in said[0]
    assert said[1].startswith("All new as it was written: 0 links, 0 rows") and "Not read: links 1 to " in said[1]
    assert json.loads(said[2])["not_read"].startswith("links 1 to ")
