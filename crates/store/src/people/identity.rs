//! Signing in through an OpenID provider: whom a verified identity is, and what lets a stranger in.

use domain::EmailAddress;
use domain::audit::{Actor, Entry};
use protocol::{AccountId, OperatorId, Secret, UnixMillis};

use super::operator::{self, OperatorRecord};
use super::session::{self, NewSession};
use super::{membership, token_hash};
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::statement;

/// Somebody whom an OpenID provider vouches for, their email address included.
#[derive(Clone, Debug)]
pub struct VerifiedIdentity {
    /// The provider.
    pub issuer: String,
    /// Who it is, to the provider; never given to anybody else.
    pub subject: String,
    /// Their address, which the provider has verified.
    pub email: EmailAddress,
    /// What people call them.
    pub name: String,
    /// The id that they get if they are new here.
    pub new_id: OperatorId,
    /// Their session.
    pub session: NewSession,
    /// What tells this sign-in from every other one; only a hash is stored.
    pub flow: Secret,
    /// Until when it could have been ended; nobody asks for it afterwards.
    pub flow_ends_at: UnixMillis,
}

/// What became of a sign-in through a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityAnswer {
    /// They are signed in.
    SignedIn(OperatorId),
    /// They belong to no account, and nobody has invited this address.
    NotInvited,
    /// The operator of this address signs in through another account at a provider.
    SomebodyElses(OperatorId),
    /// This sign-in has opened a session before.
    UsedBefore,
}

/// Signs in whoever an identity stands for; takes up the invitations for its address.
pub(crate) async fn sign_in(transaction: &mut Transaction<'_>, identity: &VerifiedIdentity) -> Result<IdentityAnswer, StoreError> {
    let VerifiedIdentity { issuer, subject, email, name, new_id, session: new, flow, flow_ends_at } = identity;
    let now = new.now;
    let session = &mut transaction.session;
    let flow = token_hash(flow);
    if session.row(&statement::USED_FLOW, &[(&flow).into()]).await?.is_some() {
        return Ok(IdentityAnswer::UsedBefore);
    }
    let linked = session.row(&statement::IDENTITY, &[issuer.into(), subject.into()]).await?;
    let known = match &linked {
        Some(row) => operator::one(session, &row.get(0)?).await?,
        None => operator::by_email(session, email).await?,
    };
    let had_passphrase = known.as_ref().is_some_and(|known| known.passphrase_hash.is_some());
    let known: Option<OperatorRecord> = known.map(|known| known.operator);
    if let Some(known) = known.as_ref().filter(|_| linked.is_none()) {
        // An address can be given to another person; a subject cannot. Nor may a second provider speak for whom a first one
        // has spoken for: the weakest of them would decide who is who.
        let others = session.rows(&statement::IDENTITIES_OF_OPERATOR, &[(&known.id).into()]).await?;
        if !others.is_empty() {
            return Ok(IdentityAnswer::SomebodyElses(known.id));
        }
    }
    // Nothing is written for whom nobody wants. An invitation is for an address: one that its holder no longer has in common
    // with the operator here opens nothing.
    let may_use_invitations = known.as_ref().is_none_or(|known| known.email == *email);
    let is_member = match &known {
        Some(known) => !session::memberships(session, &known.id).await?.is_empty(),
        None => false,
    };
    let invitations = if may_use_invitations {
        session.rows(&statement::TAKE_INVITATIONS_OF_EMAIL, &[email.as_str().into(), now.into()]).await?
    } else {
        Vec::new()
    };
    if !is_member && invitations.is_empty() {
        return Ok(IdentityAnswer::NotInvited);
    }
    let operator = match known {
        Some(known) => known.id,
        None => {
            let record = OperatorRecord { id: *new_id, email: email.clone(), name: name.clone(), created_at: now };
            if !operator::insert(transaction, &record, None).await? {
                return Err(StoreError::Conflict("an address was taken in the same moment".to_owned()));
            }
            *new_id
        }
    };
    if linked.is_none() {
        let parameters = [issuer.into(), subject.into(), (&operator).into(), now.into()];
        transaction.session.rows(&statement::INSERT_IDENTITY, &parameters).await?;
        if had_passphrase {
            end_what_the_passphrase_opened(transaction, operator, now).await?;
        }
    }
    for row in &invitations {
        let account: AccountId = row.get(0)?;
        membership::insert(transaction, (account, operator), row.get(1)?, now).await?;
    }
    if transaction.session.row(&statement::USE_FLOW, &[(&flow).into(), (*flow_ends_at).into()]).await?.is_none() {
        return Err(StoreError::Conflict("a sign-in was ended twice at once".to_owned()));
    }
    session::insert(transaction, operator, new, issuer).await?;
    Ok(IdentityAnswer::SignedIn(operator))
}

/// The provider vouches for the address; nobody has vouched for whoever chose the passphrase. That was whoever opened an
/// invitation's link, and the owner who made the invitation has seen the link, too. So the passphrase is forgotten, and every
/// session ends: the one that they are about to get is the only one.
async fn end_what_the_passphrase_opened(
    transaction: &mut Transaction<'_>,
    operator: OperatorId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    transaction.session.rows(&statement::FORGET_PASSPHRASE, &[(&operator).into()]).await?;
    transaction.session.rows(&statement::END_SESSIONS, &[(&operator).into()]).await?;
    let change = "first sign-in through a provider: the passphrase is forgotten, every session ended".to_owned();
    let by = Actor::Operator(operator.to_string());
    session::record_everywhere(transaction, operator, now, &Entry::OperatorChanged { by, operator: operator.to_string(), change }).await
}
