//! What the store offers about persons: one function an operation, as in [`crate::store`].

use domain::EmailAddress;
use domain::audit::Actor;
use domain::role::MemberChange;
use protocol::{AccountId, InvitationId, OperatorId, Secret, SessionId, UnixMillis};

use super::identity::{self, IdentityAnswer, VerifiedIdentity};
use super::invitation::{self, Accepted, InvitationRecord, Invited, Invitee, NewInvitation, OpenInvitation};
use super::membership::{self, Member, MemberChanged};
use super::operator::{self, NewPassphrase, OperatorCredentials};
use super::session::{self, NewSession, RefusedSignIn, SessionRecord, SignedInRecord};
use super::setup::{self, NewOwner, NewSetupLink};
use crate::account::Account;
use crate::error::StoreError;
use crate::store::Store;

/// Persons. Every operation fails when the database does, and those that write also when the queue is full.
#[allow(clippy::missing_errors_doc)]
impl Store {
    /// The operator with this address, and what their passphrase is checked against.
    pub async fn operator_by_email(&self, email: EmailAddress) -> Result<Option<OperatorCredentials>, StoreError> {
        self.read(email, |session, _, email| Box::pin(operator::by_email(session, email))).await
    }

    /// The operator of this id, and what their passphrase is checked against.
    pub async fn operator(&self, id: OperatorId) -> Result<Option<OperatorCredentials>, StoreError> {
        self.read(id, |session, _, id| Box::pin(operator::one(session, id))).await
    }

    /// Sets a passphrase; every session of the operator ends but the new one.
    pub async fn set_passphrase(&self, new: NewPassphrase) -> Result<(), StoreError> {
        self.write(new, |transaction, new| Box::pin(operator::set_passphrase(transaction, new))).await
    }

    /// Replaces the hash of the same passphrase by a newer one, unless the passphrase was changed since it was `verified`.
    pub async fn rehash_passphrase(&self, operator: OperatorId, verified: Secret, hash: Secret) -> Result<(), StoreError> {
        self.write((operator, verified, hash), |transaction, change| Box::pin(operator::rehash(transaction, change))).await
    }

    /// Begins a session of an operator whose passphrase was checked against the `verified` hash. `false`: it was changed since.
    pub async fn begin_session(&self, operator: OperatorId, verified: Secret, new: NewSession) -> Result<bool, StoreError> {
        self.write((operator, verified, new), |transaction, order| Box::pin(session::begin(transaction, order))).await
    }

    /// Whom a session's token belongs to; `None`: to nobody, or no longer.
    pub async fn signed_in(&self, token: Secret, now: UnixMillis) -> Result<Option<SignedInRecord>, StoreError> {
        self.read((token, now), |session, _, key| Box::pin(session::find(session, key))).await
    }

    /// Notes that a session was used.
    pub async fn note_session_seen(&self, token: Secret, now: UnixMillis) -> Result<(), StoreError> {
        self.write((token, now), |transaction, seen| Box::pin(session::note_seen(transaction, seen))).await
    }

    /// The sessions of an operator, newest first.
    pub async fn sessions(&self, operator: OperatorId, now: UnixMillis) -> Result<Vec<SessionRecord>, StoreError> {
        self.read((operator, now), |session, _, key| Box::pin(session::of_operator(session, key))).await
    }

    /// Ends a session of an operator, who has asked for it. `false`: they have no such session.
    pub async fn end_session(&self, operator: OperatorId, id: SessionId, now: UnixMillis) -> Result<bool, StoreError> {
        self.write((operator, id, now), |transaction, key| Box::pin(session::end(transaction, key))).await
    }

    /// The members of an account, by address.
    pub async fn members(&self, account: AccountId) -> Result<Vec<Member>, StoreError> {
        self.read_of(account, account, |session, _, account| Box::pin(membership::of_account(session, account))).await
    }

    /// How many owners an account has.
    pub async fn owners(&self, account: AccountId) -> Result<u64, StoreError> {
        self.read_of(account, account, |session, _, account| Box::pin(membership::owners(session, account))).await
    }

    /// Gives a member of an account another role, or takes them out of it.
    pub async fn change_member(
        &self,
        account: AccountId,
        operator: OperatorId,
        change: MemberChange,
        by: Actor,
        now: UnixMillis,
    ) -> Result<MemberChanged, StoreError> {
        self.write((account, operator, change, by, now), |transaction, change| Box::pin(membership::change(transaction, change))).await
    }

    /// Offers a place in an account.
    pub async fn invite(&self, new: NewInvitation) -> Result<Invited, StoreError> {
        self.write(new, |transaction, new| Box::pin(invitation::invite(transaction, new))).await
    }

    /// The open invitations of an account, by address.
    pub async fn invitations(&self, account: AccountId, now: UnixMillis) -> Result<Vec<InvitationRecord>, StoreError> {
        self.read_of(account, (account, now), |session, _, key| Box::pin(invitation::of_account(session, key))).await
    }

    /// What an invitation's link offers; `None`: nothing any more.
    pub async fn open_invitation(&self, token: Secret, now: UnixMillis) -> Result<Option<OpenInvitation>, StoreError> {
        self.read((token, now), |session, _, key| Box::pin(invitation::find(session, key))).await
    }

    /// Withdraws an invitation. `false`: the account has no such one.
    pub async fn withdraw_invitation(&self, account: AccountId, id: InvitationId, by: Actor, now: UnixMillis) -> Result<bool, StoreError> {
        self.write((account, id, by, now), |transaction, key| Box::pin(invitation::withdraw(transaction, key))).await
    }

    /// Takes up an invitation, once.
    pub async fn accept_invitation(&self, token: Secret, invitee: Invitee, now: UnixMillis) -> Result<Accepted, StoreError> {
        self.write((token, invitee, now), |transaction, order| Box::pin(invitation::accept(transaction, order))).await
    }

    /// Signs in whom an OpenID provider vouches for, if they are known or invited.
    pub async fn sign_in_with_identity(&self, identity: VerifiedIdentity) -> Result<IdentityAnswer, StoreError> {
        self.write(identity, |transaction, identity| Box::pin(identity::sign_in(transaction, identity))).await
    }

    /// Makes a set-up link.
    pub async fn insert_setup_link(&self, new: NewSetupLink) -> Result<(), StoreError> {
        self.write(new, |transaction, new| Box::pin(setup::insert_link(transaction, new))).await
    }

    /// The account that a set-up link is for: its id and name. `None`: no such link, or no longer.
    pub async fn setup_link(&self, token: Secret, now: UnixMillis) -> Result<Option<(AccountId, String)>, StoreError> {
        self.read((token, now), |session, _, key| Box::pin(setup::find(session, key))).await
    }

    /// Makes an owner by a set-up link, once. `None`: no such link, or no longer.
    pub async fn use_setup_link(&self, new: NewOwner) -> Result<Option<Account>, StoreError> {
        self.write(new, |transaction, new| Box::pin(setup::use_link(transaction, new))).await
    }

    /// Records, in each account of an operator, that somebody who said to be them was not signed in.
    pub async fn record_refused_sign_in(&self, refused: RefusedSignIn) -> Result<(), StoreError> {
        self.write(refused, |transaction, refused| Box::pin(session::record_refused(transaction, refused))).await
    }

    /// Drops sessions, invitations and links that no longer count.
    pub async fn forget_ended_sessions(&self, now: UnixMillis) -> Result<(), StoreError> {
        self.write(now, |transaction, now| Box::pin(session::forget_ended(transaction, now))).await
    }
}
