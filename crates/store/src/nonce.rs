//! Spent nonces, in a ring of time slices that are dropped whole (`domain::nonce_window`).

use std::collections::BTreeMap;

use domain::Month;
use domain::admission::{NonceFact, Standing};
use domain::nonce_window::NonceSlice;
use protocol::{AccountId, Environment, UnixMillis};
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::{Batch, Session, Value};
use crate::settings::Settings;
use crate::statement::{self, NONCES};

/// The first half of SHA-256 over key and nonce: short keys make small pages, and nobody can find two nonces that share
/// 128 bits.
pub(crate) type NonceHash = [u8; 16];

/// The hash under which a key's nonce is kept.
pub(crate) fn hash(key_id: &str, nonce: &str) -> NonceHash {
    // Neither part can contain a dot: the join is unambiguous.
    let digest = Sha256::new().chain_update(key_id).chain_update(".").chain_update(nonce).finalize();
    let mut hash = NonceHash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}

/// Spends the nonces of a batch, each given with its account and signed timestamp. One fact for each, in order.
pub(crate) async fn spend(
    transaction: &mut Transaction<'_>,
    nonces: &[(&AccountId, &NonceHash, i64)],
    now: UnixMillis,
) -> Result<Vec<NonceFact>, StoreError> {
    let window = transaction.settings.window;
    let mut slots = load_slots(transaction).await?;
    let mut by_slice: BTreeMap<NonceSlice, Vec<usize>> = BTreeMap::new();
    for (number, (_, _, timestamp)) in nonces.iter().enumerate() {
        by_slice.entry(NonceSlice::of(*timestamp, window)).or_default().push(number);
    }
    let mut facts = vec![NonceFact::Reused; nonces.len()];
    for (slice, numbers) in by_slice {
        match slots.get(&slice.slot()).copied() {
            Some(held) if held > slice => {
                // The clock has stepped back into a time whose nonces are gone.
                numbers.iter().for_each(|&number| facts[number] = NonceFact::Forgotten);
                continue;
            }
            Some(held) if held == slice => {}
            _ => {
                let held = turn(transaction, slice).await?;
                slots.insert(slice.slot(), held);
                if held > slice {
                    numbers.iter().for_each(|&number| facts[number] = NonceFact::Forgotten);
                    continue;
                }
            }
        }
        let mut unspent = numbers;
        for other in NonceSlice::live(now.seconds(), window).filter(|other| *other != slice && slots.get(&other.slot()) == Some(other)) {
            let batch = rows(nonces, &unspent);
            let found = transaction.session.rows_of_each(&NONCES[other.slot()].find, &batch).await?;
            let found: Vec<usize> = found.into_iter().map(|(number, _)| unspent[number]).collect();
            unspent.retain(|number| !found.contains(number));
        }
        let batch = rows(nonces, &unspent);
        for (number, _) in transaction.session.rows_of_each(&NONCES[slice.slot()].spend, &batch).await? {
            facts[unspent[number]] = NonceFact::Fresh;
        }
    }
    Ok(facts)
}

fn rows<'a>(nonces: &[(&'a AccountId, &'a NonceHash, i64)], numbers: &[usize]) -> Vec<[Value<'a>; 2]> {
    numbers.iter().map(|&number| [nonces[number].0.into(), nonces[number].1.into()]).collect()
}

async fn load_slots(transaction: &mut Transaction<'_>) -> Result<BTreeMap<usize, NonceSlice>, StoreError> {
    let rows = transaction.session.rows(&statement::NONCE_SLOTS, &[]).await?;
    rows.iter().map(|row| Ok((usize::try_from(row.get::<i64>(0)?).unwrap_or(usize::MAX), NonceSlice(row.get(1)?)))).collect()
}

/// Drops what a slot holds and gives it to a newer slice, unless another relay has just done so, or more. Returns the
/// slice that the slot holds now.
async fn turn(transaction: &mut Transaction<'_>, slice: NonceSlice) -> Result<NonceSlice, StoreError> {
    let slot = slice.slot();
    let turned = [i64::try_from(slot).unwrap_or_default().into(), slice.0.into()];
    if transaction.session.row(&statement::TURN_NONCE_SLOT, &turned).await?.is_none() {
        return Ok(load_slots(transaction).await?.get(&slot).copied().unwrap_or(slice));
    }
    transaction.session.rows(&NONCES[slot].clear, &[]).await?;
    Ok(slice)
}

/// A nonce outside an admission: reads and cancellations are signed requests too.
#[derive(Debug)]
pub(crate) struct SpendOrder {
    pub(crate) account: AccountId,
    pub(crate) environment: Environment,
    pub(crate) hash: NonceHash,
    pub(crate) timestamp_seconds: i64,
    pub(crate) now: UnixMillis,
}

/// What became of a nonce, and how its account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpentNonce {
    /// Whether it was fresh.
    pub fact: NonceFact,
    /// The account's monthly quota.
    pub standing: Standing,
}

/// Spends one nonce.
pub(crate) async fn spend_one(transaction: &mut Transaction<'_>, order: &SpendOrder) -> Result<SpentNonce, StoreError> {
    let facts = spend(transaction, &[(&order.account, &order.hash, order.timestamp_seconds)], order.now).await?;
    let settings = transaction.settings;
    let standing = standing(&mut transaction.session, settings, &(order.account, order.environment, order.now)).await?;
    Ok(SpentNonce { fact: facts.first().copied().unwrap_or(NonceFact::Reused), standing })
}

/// How an account stands with its quota of the month that `now` lies in.
pub(crate) async fn standing(
    session: &mut Session<'_>,
    settings: &Settings,
    (account, environment, now): &(AccountId, Environment, UnixMillis),
) -> Result<Standing, StoreError> {
    let month = Month::of(*now);
    let usage = Batch::new(&statement::USAGE_OF, vec![[account.into(), (*environment).into(), month.into()]]);
    let plan = Batch::new(&statement::PLAN_OF, vec![[account.into()]]);
    let [used, plan] = session.all(&[usage, plan]).await?;
    let plan = plan.first().map(|(_, row)| row.get::<String>(0)).transpose()?;
    let limit = plan.and_then(|plan| settings.plans.get(&plan)).and_then(|plan| plan.monthly_fetches);
    let used = used.first().map(|(_, row)| row.get(0)).transpose()?.unwrap_or(0);
    Ok(Standing { used, limit, month })
}
