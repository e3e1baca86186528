//! Which sealing keys the database uses: by their names alone, so that a relay with other keys is noticed before it makes
//! secrets that nobody else can open.

use protocol::{Secret, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::seal::{Generation, SealingRing};
use crate::session::Session;
use crate::statement;

/// The generation that new records are sealed with; `None`: the database has had no relay yet.
pub(crate) async fn current(session: &mut Session<'_>) -> Result<Option<Generation>, StoreError> {
    let row = session.row(&statement::CURRENT_GENERATION, &[]).await?;
    row.map(|row| row.get(0).map(Generation::from_bytes)).transpose()
}

/// Seals a secret for the place named `place`, with the key that the database uses now.
pub(crate) async fn seal(transaction: &mut Transaction<'_>, place: &str, secret: &Secret) -> Result<Vec<u8>, StoreError> {
    let ring = transaction.settings.sealing.ring();
    let generation = current(&mut transaction.session).await?.unwrap_or(ring.newest());
    match ring.key(generation) {
        Some(key) => key.seal(place, secret),
        None => {
            transaction.settings.sealing.note_lack();
            // Sealing with an older key would undo what the operator is doing.
            Err(StoreError::Unavailable(format!("the sealing key {generation} has not reached this relay yet")))
        }
    }
}

/// Begins with the newest key that is held, or checks that the one in use is held.
pub(crate) async fn settle(transaction: &mut Transaction<'_>, now: &UnixMillis) -> Result<(), StoreError> {
    let ring = transaction.settings.sealing.ring();
    match current(&mut transaction.session).await? {
        None => add(&mut transaction.session, ring.newest(), *now).await,
        Some(generation) => expect_held(&ring, &[generation]),
    }
}

/// Notes that records are sealed with this key from now on.
pub(crate) async fn add(session: &mut Session<'_>, generation: Generation, now: UnixMillis) -> Result<(), StoreError> {
    session.rows(&statement::ADD_GENERATION, &[generation.as_bytes().into(), now.into()]).await.map(|_| ())
}

/// Refuses a ring that lacks one of these.
pub(crate) fn expect_held(ring: &SealingRing, wanted: &[Generation]) -> Result<(), StoreError> {
    let names = |generations: &[Generation]| generations.iter().map(Generation::to_string).collect::<Vec<_>>().join(", ");
    let missing: Vec<_> = wanted.iter().copied().filter(|wanted| ring.key(*wanted).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(StoreError::Setup(format!(
        "the database's secrets are sealed with key {}, which this relay does not have (it has {}): relays of one database share their \
         sealing keys; copy sealing.key from a relay that works",
        names(&missing),
        names(&ring.generations())
    )))
}

/// Every generation that is named in the database, in the order of their use, with when it began.
pub(crate) async fn named(session: &mut Session<'_>) -> Result<Vec<(Generation, UnixMillis)>, StoreError> {
    let rows = session.rows(&statement::GENERATIONS, &[]).await?;
    rows.iter().map(|row| Ok((Generation::from_bytes(row.get(1)?), row.get(2)?))).collect()
}
