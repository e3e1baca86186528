//! One line of the outbox file: a checksum, a space, a JSON object, a line feed. Text, so that a person with a pager can
//! see what waits; checked, so that a torn or damaged line is passed over and the next one still counts.

use protocol::device::{HeldJob, ReportedResult};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of the checksum in front: 64 bits of SHA-256 tell a torn line from a whole one. It is no defence.
const CHECKSUM_BYTES: usize = 8;
const CHECKSUM_DIGITS: usize = CHECKSUM_BYTES * 2;

/// What a line says.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "read one at a time at start, never kept")]
pub(super) enum Record {
    /// A result that the relay must hear of.
    Kept(ReportedResult),
    /// It has; or the result was dropped.
    Cleared(HeldJob),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum RecordRef<'a> {
    Kept(&'a ReportedResult),
    Cleared(HeldJob),
}

/// The line of a result.
pub(super) fn kept_line(result: &ReportedResult) -> serde_json::Result<Vec<u8>> {
    line(&RecordRef::Kept(result))
}

/// The line that clears a result.
pub(super) fn cleared_line(job: HeldJob) -> serde_json::Result<Vec<u8>> {
    line(&RecordRef::Cleared(job))
}

fn line(record: &RecordRef<'_>) -> serde_json::Result<Vec<u8>> {
    let mut line = vec![b' '; CHECKSUM_DIGITS + 1];
    serde_json::to_writer(&mut line, record)?;
    let checksum = checksum(&line[CHECKSUM_DIGITS + 1..]);
    line[..CHECKSUM_DIGITS].copy_from_slice(checksum.as_bytes());
    line.push(b'\n');
    Ok(line)
}

/// What a line says; `None` when it is torn or damaged.
pub(super) fn read_line(line: &[u8]) -> Option<Record> {
    let (digits, rest) = line.split_at_checked(CHECKSUM_DIGITS)?;
    let json = rest.strip_prefix(b" ")?;
    (digits == checksum(json).as_bytes()).then_some(())?;
    serde_json::from_slice(json).ok()
}

fn checksum(json: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(json)[..CHECKSUM_BYTES])
}
