//! Walks over an account's blocks and finds the first that does not follow.

use protocol::{AccountId, UnixMillis};
use serde::{Deserialize, Serialize};

use super::block::{BEGINNING, Block};
use super::hash::Sha256Hash;

/// A place in a chain: a block's number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The block's number; 0: before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Sha256Hash,
}

impl Place {
    /// Before the first block.
    pub const BEGINNING: Self = Self { seq: 0, hash: BEGINNING };
}

/// Between which places an account's blocks are kept. What was before the anchor was pruned, in order, from the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// Whose.
    pub account: AccountId,
    /// The last block that was pruned.
    pub anchor: Place,
    /// The last block that there is.
    pub head: Place,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    /// Whose chain.
    pub account: AccountId,
    /// The first block that is wrong.
    pub seq: u64,
    /// The time that stands in it; absent where there is no such block.
    pub at: Option<UnixMillis>,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its hash is not that of its contents: something in it was changed.
    Changed,
    /// It does not name the hash of the block before it: that one was replaced, or this one put in.
    DoesNotFollow,
    /// It is missing: blocks were taken out.
    Missing,
    /// It stands behind the head: blocks were put in at the end.
    BehindHead,
    /// The last block is not the one that the head names.
    NotTheHead,
    /// Its entries cannot be read.
    Unreadable,
    /// The chain does not contain the block that was noted elsewhere.
    NotAsNoted,
}

impl Why {
    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Changed => "its hash is not that of its contents: something in it was changed",
            Self::DoesNotFollow => "it does not name the hash of the record before it: one of the two was replaced",
            Self::Missing => "it is missing: records were taken out",
            Self::BehindHead => "it stands behind the head of the chain: records were put in at the end",
            Self::NotTheHead => "the head of the chain names another record: the last one was replaced",
            Self::Unreadable => "its entries cannot be read",
            Self::NotAsNoted => "it is not the record that was noted: the chain was written anew",
        }
    }
}

/// A walk from the anchor to the head of one account.
#[derive(Debug)]
pub struct Walk {
    ends: Ends,
    last: Place,
    decisions: u64,
    noted: Vec<Place>,
}

/// What a walk has seen when everything held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Whole {
    /// Blocks.
    pub blocks: u64,
    /// Decisions in them.
    pub decisions: u64,
}

impl Walk {
    /// Begins at the anchor. `noted` are places that somebody wrote down elsewhere, and that must lie on the way; those
    /// that have been pruned since are passed over.
    #[must_use]
    pub fn new(ends: Ends, noted: Vec<Place>) -> Self {
        Self { ends, last: ends.anchor, decisions: 0, noted }
    }

    /// Where it has come to.
    #[must_use]
    pub const fn last(&self) -> Place {
        self.last
    }

    /// Goes on to the next block.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn step(&mut self, block: &Block) -> Result<(), Broken> {
        let account = self.ends.account;
        let broken = |seq, at, why| Err(Broken { account, seq, at, why });
        let expected = self.last.seq + 1;
        if block.seq > expected {
            return broken(expected, None, Why::Missing);
        }
        let here = |why| broken(block.seq, Some(block.at), why);
        if block.account != account || block.seq < expected {
            return here(Why::DoesNotFollow);
        }
        if !block.is_intact() {
            return here(Why::Changed);
        }
        if block.previous != self.last.hash {
            return here(Why::DoesNotFollow);
        }
        if block.seq > self.ends.head.seq {
            return here(Why::BehindHead);
        }
        if self.noted.iter().any(|noted| noted.seq == block.seq && noted.hash != block.hash) {
            return here(Why::NotAsNoted);
        }
        match block.lines() {
            Ok(lines) => self.decisions += lines.iter().map(|line| line.entry.decisions()).sum::<u64>(),
            Err(_) => return here(Why::Unreadable),
        }
        self.last = Place { seq: block.seq, hash: block.hash };
        Ok(())
    }

    /// Ends behind the last block.
    ///
    /// # Errors
    /// When that is not the head, or a noted place lies behind it.
    pub fn finish(self) -> Result<Whole, Broken> {
        let account = self.ends.account;
        let head = self.ends.head;
        if self.last.seq < head.seq {
            return Err(Broken { account, seq: self.last.seq + 1, at: None, why: Why::Missing });
        }
        if self.last != head {
            return Err(Broken { account, seq: self.last.seq, at: None, why: Why::NotTheHead });
        }
        if let Some(noted) = self.noted.iter().find(|noted| noted.seq > self.last.seq) {
            return Err(Broken { account, seq: noted.seq, at: None, why: Why::NotAsNoted });
        }
        Ok(Whole { blocks: self.last.seq - self.ends.anchor.seq, decisions: self.decisions })
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Environment, JobId};

    use super::super::entry::{Entry, TEXT_CHARS};
    use super::super::{Actor, Draft, Received};
    use super::*;

    const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);
    const NOW: UnixMillis = UnixMillis(1_779_753_600_000);

    fn admitted(n: u8) -> Entry {
        let key = "lp_live_0123456789abcdef".parse().unwrap();
        Entry::Admitted { key, environment: Environment::Live, jobs: vec![JobId::from_bytes([n; 16])], received: Vec::new() }
    }

    fn block(seq: u64, previous: Sha256Hash, entry: Entry) -> Block {
        let mut draft = Draft::default();
        draft.add(NOW, entry);
        let (entries, digest) = draft.seal();
        let hash = Block::hash_of(ACCOUNT.as_bytes(), seq, NOW, &previous, &digest);
        Block { account: ACCOUNT, seq, at: NOW, previous, hash, entries: serde_json::value::RawValue::from_string(entries).unwrap() }
    }

    /// `count` blocks that follow each other.
    fn chain(count: u64) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        for seq in 1..=count {
            let previous = blocks.last().map_or(BEGINNING, |block| block.hash);
            blocks.push(block(seq, previous, admitted(u8::try_from(seq).unwrap())));
        }
        blocks
    }

    fn place(block: &Block) -> Place {
        Place { seq: block.seq, hash: block.hash }
    }

    fn walk(blocks: &[Block], anchor: Place, head: Place, noted: Vec<Place>) -> Result<Whole, (u64, Why)> {
        let mut walk = Walk::new(Ends { account: ACCOUNT, anchor, head }, noted);
        let walked = blocks.iter().try_for_each(|block| walk.step(block)).and_then(|()| walk.finish());
        walked.map_err(|broken| (broken.seq, broken.why))
    }

    #[test]
    fn a_whole_chain_is_whole_and_so_is_what_pruning_leaves_of_it() {
        let blocks = chain(5);
        assert_eq!(walk(&blocks, Place::BEGINNING, place(&blocks[4]), vec![]), Ok(Whole { blocks: 5, decisions: 5 }));
        assert_eq!(walk(&blocks[2..], place(&blocks[1]), place(&blocks[4]), vec![]), Ok(Whole { blocks: 3, decisions: 3 }));
        assert_eq!(walk(&[], Place::BEGINNING, Place::BEGINNING, vec![]), Ok(Whole { blocks: 0, decisions: 0 }));
    }

    #[test]
    fn the_first_wrong_block_is_named_whatever_was_done() {
        let good = chain(5);
        let head = place(&good[4]);
        let broken = |change: &dyn Fn(&mut Vec<Block>)| {
            let mut blocks = good.clone();
            change(&mut blocks);
            walk(&blocks, Place::BEGINNING, head, vec![]).unwrap_err()
        };
        let changed = |blocks: &mut Vec<Block>| blocks[2].entries = block(3, BEGINNING, admitted(99)).entries;
        assert_eq!(broken(&changed), (3, Why::Changed));
        let rehashed = |blocks: &mut Vec<Block>| blocks[2] = block(3, blocks[1].hash, admitted(99));
        assert_eq!(broken(&rehashed), (4, Why::DoesNotFollow));
        assert_eq!(broken(&|blocks| drop(blocks.remove(1))), (2, Why::Missing));
        assert_eq!(broken(&|blocks| drop(blocks.pop())), (5, Why::Missing));
        assert_eq!(broken(&|blocks| drop(blocks.remove(0))), (1, Why::Missing));
        assert_eq!(broken(&|blocks| blocks.swap(1, 2)), (2, Why::Missing));
        assert_eq!(broken(&|blocks| blocks.push(block(6, blocks[4].hash, admitted(6)))), (6, Why::BehindHead));
        assert_eq!(broken(&|blocks| blocks[4] = block(5, blocks[3].hash, admitted(99))), (5, Why::NotTheHead));
    }

    #[test]
    fn a_chain_that_was_written_anew_from_end_to_end_is_not_the_one_that_was_noted() {
        let (good, mut forged) = (chain(3), vec![block(1, BEGINNING, admitted(77))]);
        forged.push(block(2, forged[0].hash, admitted(2)));
        forged.push(block(3, forged[1].hash, admitted(3)));
        let head = place(&forged[2]);
        assert!(walk(&forged, Place::BEGINNING, head, vec![]).is_ok());
        assert_eq!(walk(&forged, Place::BEGINNING, head, vec![place(&good[1])]), Err((2, Why::NotAsNoted)));
        let longer = Place { seq: 9, hash: head.hash };
        assert_eq!(walk(&forged, Place::BEGINNING, head, vec![longer]), Err((9, Why::NotAsNoted)));
    }

    #[test]
    fn what_happens_together_shares_a_line_and_texts_are_bounded() {
        let mut draft = Draft::default();
        for n in 0..3 {
            draft.add(NOW, admitted(n));
        }
        draft.add(NOW.plus_seconds(1), Entry::PlanChanged { by: Actor::Machine, plan: "ü".repeat(2_000) });
        draft.add(NOW, admitted(4));
        let (entries, _) = draft.seal();
        let lines: Vec<super::super::Line> = serde_json::from_str(&entries).unwrap();
        assert_eq!(
            lines.iter().map(|line| (line.entry.kind(), line.entry.decisions())).collect::<Vec<_>>(),
            [("admitted", 3), ("plan_changed", 1), ("admitted", 1)]
        );
        assert!(matches!(&lines[1].entry, Entry::PlanChanged { plan, .. } if plan.chars().count() == TEXT_CHARS));
        assert_eq!(draft.at(), NOW.plus_seconds(1));
    }

    #[test]
    fn what_came_is_kept_request_by_request_and_a_batch_is_one() {
        let received = |body: &str| Received::new(body.as_bytes(), 1_779_753_600);
        let of = |n, body| match admitted(n) {
            Entry::Admitted { key, environment, jobs, .. } => {
                Entry::Admitted { key, environment, jobs, received: vec![(received(body), 1)] }
            }
            _ => Entry::Unknown,
        };
        let mut draft = Draft::default();
        for (n, body) in [(1, "a"), (2, "batch"), (3, "batch"), (4, "")] {
            draft.add(NOW, of(n, body));
        }
        let (entries, _) = draft.seal();
        let lines: Vec<super::super::Line> = serde_json::from_str(&entries).unwrap();
        let [super::super::Line { entry: Entry::Admitted { jobs, received: all, .. }, .. }] = &lines[..] else { panic!("{entries}") };
        assert_eq!((jobs.len(), &all[..]), (4, &[(received("a"), 1), (received("batch"), 2), (received(""), 1)][..]));
        // SHA-256 of nothing, as everybody writes it.
        let empty = r#"[[0,1779753600,"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],1]"#;
        assert!(entries.contains(empty), "{entries}");
    }

    #[test]
    fn what_an_older_program_wrote_is_read() {
        let kept =
            r#"{"at":"2026-05-26T00:00:00.000Z","event":"admitted","key":"lp_live_0123456789abcdef","environment":"live","jobs":[]}"#;
        let line: super::super::Line = serde_json::from_str(kept).unwrap();
        assert!(matches!(&line.entry, Entry::Admitted { received, .. } if received.is_empty()));
        assert_eq!(serde_json::to_string(&line).unwrap(), kept);
    }

    #[test]
    fn what_a_newer_program_wrote_is_passed_over() {
        let line: super::super::Line = serde_json::from_str(r#"{"at":"2026-05-26T00:00:00.000Z","event":"teleported","to":"x"}"#).unwrap();
        assert_eq!(line.entry, Entry::Unknown);
    }
}
