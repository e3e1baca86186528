//! Spent nonces, in a ring of time slices that are dropped whole (`domain::nonce_window`).

use std::collections::{BTreeMap, BTreeSet};

use domain::Month;
use domain::admission::{NonceFact, Standing};
use domain::nonce_window::NonceSlice;
use protocol::{AccountId, Environment, UnixMillis};
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::{Batch, NumberedRow, Session, Value};
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

/// A nonce with its account and signed timestamp.
pub(crate) type SignedNonce<'n> = (&'n AccountId, &'n NonceHash, i64);

/// What a writer believes each table of the ring to hold. It may be behind, since other relays turn the ring too: every
/// transaction looks, and a belief only decides what is asked along with that.
#[derive(Debug, Default)]
pub(crate) struct Ring(BTreeMap<usize, NonceSlice>);

impl Ring {
    fn holds(&self, slice: NonceSlice) -> bool {
        self.0.get(&slice.slot()) == Some(&slice)
    }
}

/// Nonces that are about to be spent. What is asked travels with other questions; the answers decide.
pub(crate) struct Spending<'n> {
    nonces: &'n [SignedNonce<'n>],
    now: UnixMillis,
    slices: Vec<Slice>,
}

/// The nonces of one slice.
struct Slice {
    slice: NonceSlice,
    numbers: Vec<usize>,
    /// The other slices in which they are looked for, when they are spent along with the first questions.
    asked: Option<Vec<NonceSlice>>,
}

impl<'n> Spending<'n> {
    /// Sorts nonces by the slice that they belong to.
    pub(crate) fn new(transaction: &Transaction<'_>, nonces: &'n [SignedNonce<'n>], now: UnixMillis) -> Self {
        let window = transaction.settings.window;
        let mut by_slice: BTreeMap<NonceSlice, Vec<usize>> = BTreeMap::new();
        for (number, (_, _, timestamp)) in nonces.iter().enumerate() {
            by_slice.entry(NonceSlice::of(*timestamp, window)).or_default().push(number);
        }
        let others = |slice| NonceSlice::live(now.seconds(), window).filter(move |other| *other != slice);
        let slices = by_slice.into_iter().map(|(slice, numbers)| {
            let asked = transaction.nonces.holds(slice).then(|| others(slice).filter(|other| transaction.nonces.holds(*other)).collect());
            Slice { slice, numbers, asked }
        });
        Self { nonces, now, slices: slices.collect() }
    }

    /// What is asked: what the ring holds, and, as far as that is believed to be known, whether the nonces are in it.
    pub(crate) fn questions(&self) -> Vec<Batch<'n>> {
        let slots = (0..NONCES.len()).map(|slot| [i64::try_from(slot).unwrap_or_default().into()]).collect::<Vec<[Value<'_>; 1]>>();
        let mut questions = vec![Batch::new(&statement::NONCE_SLICE, slots)];
        for Slice { slice, numbers, asked } in &self.slices {
            let Some(others) = asked else { continue };
            let rows = self.rows(numbers);
            questions.extend(others.iter().map(|other| Batch::new(&NONCES[other.slot()].find, rows.clone())));
            questions.push(Batch::new(&NONCES[slice.slot()].spend, rows));
        }
        questions
    }

    /// One fact for each nonce, in order, from what [`Self::questions`] were answered with.
    pub(crate) async fn facts(
        self,
        transaction: &mut Transaction<'_>,
        answers: Vec<Vec<NumberedRow>>,
    ) -> Result<Vec<NonceFact>, StoreError> {
        let mut answers = answers.into_iter();
        *transaction.nonces = read_ring(answers.next().unwrap_or_default())?;
        let mut facts = vec![NonceFact::Reused; self.nonces.len()];
        for Slice { slice, numbers, asked } in &self.slices {
            let asked = asked.as_ref().map(|others| {
                let found = answers.by_ref().take(others.len()).flatten().map(|(number, _)| number).collect::<BTreeSet<_>>();
                let spent = answers.next().into_iter().flatten().map(|(number, _)| number).filter(|number| !found.contains(number));
                (others, spent.map(|number| numbers[number]).collect::<Vec<_>>())
            });
            let fresh = match (asked, transaction.nonces.0.get(&slice.slot())) {
                // The clock has stepped back into a time whose nonces are gone.
                (_, Some(held)) if held > slice => None,
                // What the ring was believed to hold, it holds; but it may hold more.
                (Some((others, spent)), Some(held)) if held == slice => Some(self.not_elsewhere(transaction, *slice, others, spent).await?),
                _ => self.spend(transaction, *slice, numbers).await?,
            };
            match fresh {
                Some(fresh) => fresh.into_iter().for_each(|number| facts[number] = NonceFact::Fresh),
                None => numbers.iter().for_each(|&number| facts[number] = NonceFact::Forgotten),
            }
        }
        Ok(facts)
    }

    /// Spends the nonces of a slice, which is given its place in the ring first. Returns those that were fresh; `None`
    /// when the ring has left the slice behind.
    async fn spend(
        &self,
        transaction: &mut Transaction<'_>,
        slice: NonceSlice,
        numbers: &[usize],
    ) -> Result<Option<Vec<usize>>, StoreError> {
        if !transaction.nonces.holds(slice) {
            let held = turn(transaction, slice).await?;
            transaction.nonces.0.insert(slice.slot(), held);
            if held > slice {
                return Ok(None);
            }
        }
        let unspent = self.not_elsewhere(transaction, slice, &[], numbers.to_vec()).await?;
        let spent = transaction.session.rows_of_each(&NONCES[slice.slot()].spend, &self.rows(&unspent)).await?;
        Ok(Some(spent.into_iter().map(|(number, _)| unspent[number]).collect()))
    }

    /// The nonces that no other live slice has, but for those slices that have been asked already.
    async fn not_elsewhere(
        &self,
        transaction: &mut Transaction<'_>,
        slice: NonceSlice,
        asked: &[NonceSlice],
        mut numbers: Vec<usize>,
    ) -> Result<Vec<usize>, StoreError> {
        for other in NonceSlice::live(self.now.seconds(), transaction.settings.window) {
            if other != slice && transaction.nonces.holds(other) && !asked.contains(&other) {
                let found = transaction.session.rows_of_each(&NONCES[other.slot()].find, &self.rows(&numbers)).await?;
                let found: BTreeSet<usize> = found.into_iter().map(|(number, _)| numbers[number]).collect();
                numbers.retain(|number| !found.contains(number));
            }
        }
        Ok(numbers)
    }

    fn rows(&self, numbers: &[usize]) -> Vec<[Value<'n>; 2]> {
        numbers.iter().map(|&number| [self.nonces[number].0.into(), self.nonces[number].1.into()]).collect()
    }
}

fn read_ring(rows: Vec<NumberedRow>) -> Result<Ring, StoreError> {
    rows.into_iter().map(|(slot, row)| Ok((slot, NonceSlice(row.get(0)?)))).collect::<Result<_, _>>().map(Ring)
}

/// Drops what a slot holds and gives it to a newer slice, unless another relay has just done so, or more. Returns the
/// slice that the slot holds now.
async fn turn(transaction: &mut Transaction<'_>, slice: NonceSlice) -> Result<NonceSlice, StoreError> {
    let slot = slice.slot();
    let place: Value<'_> = i64::try_from(slot).unwrap_or_default().into();
    if transaction.session.row(&statement::TURN_NONCE_SLOT, &[place, slice.0.into()]).await?.is_none() {
        let held = transaction.session.rows_of_each(&statement::NONCE_SLICE, &[[place]]).await?;
        return held.first().map_or(Ok(slice), |(_, row)| row.get(0).map(NonceSlice));
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
    let nonces = [(&order.account, &order.hash, order.timestamp_seconds)];
    let spending = Spending::new(transaction, &nonces, order.now);
    let month = Month::of(order.now);
    let mut questions = standing_questions(&order.account, order.environment, month);
    questions.extend(spending.questions());
    let mut answers = transaction.session.all_of(&questions).await?;
    let facts = spending.facts(transaction, answers.split_off(2)).await?;
    let standing = read_standing(transaction.settings, month, &answers)?;
    Ok(SpentNonce { fact: facts.first().copied().unwrap_or(NonceFact::Reused), standing })
}

/// How an account stands with its quota of the month that `now` lies in.
pub(crate) async fn standing(
    session: &mut Session<'_>,
    settings: &Settings,
    (account, environment, now): &(AccountId, Environment, UnixMillis),
) -> Result<Standing, StoreError> {
    let month = Month::of(*now);
    let answers = session.all_of(&standing_questions(account, *environment, month)).await?;
    read_standing(settings, month, &answers)
}

fn standing_questions(account: &AccountId, environment: Environment, month: Month) -> Vec<Batch<'_>> {
    let usage = Batch::new(&statement::USAGE_OF, vec![[account.into(), environment.into(), month.into()]]);
    vec![usage, Batch::new(&statement::PLAN_OF, vec![[account.into()]])]
}

fn read_standing(settings: &Settings, month: Month, answers: &[Vec<NumberedRow>]) -> Result<Standing, StoreError> {
    let first = |number: usize| answers.get(number).and_then(|rows| rows.first()).map(|(_, row)| row);
    let plan = first(1).map(|row| row.get::<String>(0)).transpose()?;
    let limit = plan.and_then(|plan| settings.plans.get(&plan)).and_then(|plan| plan.monthly_fetches);
    let used = first(0).map(|row| row.get(0)).transpose()?.unwrap_or(0);
    Ok(Standing { used, limit, month })
}
