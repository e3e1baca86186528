//! Changes the key that the database's secrets are sealed with, while relays run: names the new one, then seals every
//! secret anew, in steps. Broken off anywhere, it goes on where it was when it is run again.
//!
//! What it leaves out: making keys and bringing them to every relay, which has to happen before.

use protocol::{AccountId, KeyId, UnixMillis};
use serde::Serialize;

use super::AdminError;
use super::open::{Access, Open};
use crate::database::DatabaseUrl;
use crate::error::StoreError;
use crate::seal::{Generation, SealingRing};
use crate::session::{Row, Session};
use crate::{key, sealing, statement};

/// Keys of one step: some milliseconds, so that no relay's change waits long behind one.
const STEP: i64 = 100;

/// What sealing anew has come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resealed {
    /// The sealing key in use from now on.
    pub current: Generation,
    /// API keys whose secrets were sealed anew.
    pub resealed: u64,
    /// API keys whose secrets no key of the ring opens; they are as they were.
    pub unopened: Vec<KeyId>,
}

/// The sealing keys of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SealingStatus {
    /// Every sealing key that was ever in use or is held, in the order of their use; the last in use is the present one.
    pub generations: Vec<GenerationUse>,
    /// API keys that were sealed before sealing keys had names.
    pub unnamed: u64,
}

/// One sealing key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationUse {
    /// Its name.
    pub generation: Generation,
    /// Since when it was used; null: not yet.
    pub since: Option<UnixMillis>,
    /// Whether new secrets are sealed with it.
    pub is_current: bool,
    /// Whether it is held here.
    pub is_held: bool,
    /// API keys with a secret that is sealed with it.
    pub secrets: u64,
}

/// Which sealing keys the database's secrets want, and which of them are held here.
///
/// # Errors
/// When the database cannot be read, or its schema is not this program's.
pub async fn sealing_status(url: &DatabaseUrl, ring: &SealingRing) -> Result<SealingStatus, AdminError> {
    let mut open = Open::connect(url, Access::Read).await?;
    open.expect_current_schema().await?;
    let mut session = open.session();
    let named = sealing::named(&mut session).await?;
    let current = named.last().map(|(generation, _)| *generation);
    let mut status = SealingStatus { generations: Vec::new(), unnamed: 0 };
    let since = |generation| named.iter().find(|(known, _)| *known == generation).map(|(_, since)| *since);
    for generation in named.iter().map(|(generation, _)| *generation).chain(ring.generations()) {
        note(&mut status, generation, 0);
    }
    let mut pages = Pages::default();
    while let Some(rows) = pages.next(&mut session).await? {
        for SealedRow { sealed, previous, .. } in rows {
            let first = Generation::of_record(&sealed);
            let second = previous.as_deref().map(Generation::of_record).filter(|second| *second != first);
            for generation in [Some(first), second].into_iter().flatten() {
                match generation {
                    Some(generation) => note(&mut status, generation, 1),
                    None => status.unnamed += 1,
                }
            }
        }
    }
    for one in &mut status.generations {
        one.since = since(one.generation);
        one.is_current = current == Some(one.generation);
        one.is_held = ring.key(one.generation).is_some();
    }
    Ok(status)
}

fn note(status: &mut SealingStatus, generation: Generation, secrets: u64) {
    match status.generations.iter_mut().find(|known| known.generation == generation) {
        Some(known) => known.secrets += secrets,
        None => status.generations.push(GenerationUse { generation, since: None, is_current: false, is_held: false, secrets }),
    }
}

/// Seals every secret with the newest key of the ring, and names it as the one in use first, so that relays seal with it
/// what they get meanwhile. `each` hears after every step how many were sealed anew so far.
///
/// # Errors
/// When the ring lacks the key that is in use, or the database fails: what was sealed anew until then stays so.
pub async fn reseal(url: &DatabaseUrl, ring: &SealingRing, now: UnixMillis, mut each: impl FnMut(u64)) -> Result<Resealed, AdminError> {
    let mut open = Open::connect(url, Access::Write).await?;
    open.expect_current_schema().await?;
    let mut session = open.session();
    let target = ring.newest();
    let named = sealing::named(&mut session).await?;
    if let Some((current, _)) = named.last() {
        sealing::expect_held(ring, &[*current])?;
        if *current != target && named.iter().any(|(known, _)| *known == target) {
            return Err(AdminError::Unsuitable(format!(
                "the newest sealing key here ({target}) was in use before the present one ({current}); the newest must come last"
            )));
        }
    }
    sealing::add(&mut session, target, now).await?;
    let mut done = Resealed { current: target, resealed: 0, unopened: Vec::new() };
    // A relay that began to seal before the new key was named may commit behind a step: so until a whole pass finds none.
    loop {
        let before = done.resealed;
        done.unopened.clear();
        let mut pages = Pages::default();
        while let Some(rows) = pages.next(&mut session).await? {
            session.begin().await?;
            match reseal_rows(&mut session, ring, target, rows, &mut done).await {
                Ok(()) => session.commit().await?,
                Err(error) => {
                    session.rollback().await?;
                    return Err(error.into());
                }
            }
            each(done.resealed);
        }
        if done.resealed == before {
            return Ok(done);
        }
    }
}

async fn reseal_rows(
    session: &mut Session<'_>,
    ring: &SealingRing,
    target: Generation,
    rows: Vec<SealedRow>,
    done: &mut Resealed,
) -> Result<(), StoreError> {
    let Some(key) = ring.key(target) else { return Ok(()) };
    for SealedRow { account, key_id, sealed, previous } in rows {
        let is_current = |sealed: &[u8]| Generation::of_record(sealed) == Some(target);
        if is_current(&sealed) && previous.as_deref().is_none_or(is_current) {
            continue;
        }
        let place = key::place(&account, &key_id);
        let again = |sealed: &[u8]| ring.open(&place, key_id.as_str(), sealed).ok().map(|secret| key.seal(&place, &secret)).transpose();
        let (Some(new), new_previous) = (again(&sealed)?, previous.as_deref().map(again).transpose()?) else {
            done.unopened.push(key_id);
            continue;
        };
        // An old secret that does not open signs nothing any more either way.
        let new_previous = new_previous.flatten();
        let parameters =
            [(&account).into(), key_id.as_str().into(), new.as_slice().into(), new_previous.as_deref().into(), sealed.as_slice().into()];
        if session.row(&statement::RESEAL_KEY, &parameters).await?.is_some() {
            done.resealed += 1;
        }
    }
    Ok(())
}

/// The secrets of one API key as they are stored.
struct SealedRow {
    account: AccountId,
    key_id: KeyId,
    sealed: Vec<u8>,
    previous: Option<Vec<u8>>,
}

/// All keys that are not revoked, in steps.
struct Pages {
    after: Option<(Vec<u8>, String)>,
}

impl Default for Pages {
    fn default() -> Self {
        Self { after: Some((Vec::new(), String::new())) }
    }
}

impl Pages {
    async fn next(&mut self, session: &mut Session<'_>) -> Result<Option<Vec<SealedRow>>, StoreError> {
        let Some((account, key_id)) = self.after.take() else { return Ok(None) };
        let rows = session.rows(&statement::SEALED_KEYS, &[account.as_slice().into(), (&key_id).into(), STEP.into()]).await?;
        self.after = match rows.last() {
            Some(last) if rows.len() as i64 == STEP => Some((last.get(0)?, last.get(1)?)),
            _ => None,
        };
        rows.iter().map(sealed_row).collect::<Result<_, _>>().map(Some)
    }
}

fn sealed_row(row: &Row) -> Result<SealedRow, StoreError> {
    let key_id: String = row.get(1)?;
    let key_id = key_id.parse().map_err(|_| StoreError::Corrupt("a key id off its grammar".to_owned()))?;
    Ok(SealedRow { account: row.get(0)?, key_id, sealed: row.get(2)?, previous: row.get(3)? })
}
