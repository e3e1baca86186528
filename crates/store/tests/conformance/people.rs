//! Persons: how they come in, how they are recognised, and that an account always has somebody who decides.

use domain::audit::Actor;
use domain::role::MemberChange;
use domain::session::{ABSOLUTE_MILLIS, IDLE_MILLIS};
use domain::{EmailAddress, Role};
use protocol::{AccountId, InvitationId, OperatorId, Secret, SessionId, UnixMillis};
use store::{
    Accepted, IdentityAnswer, Invited, Invitee, MemberChanged, NewInvitation, NewOwner, NewPassphrase, NewSession, NewSetupLink,
    VerifiedIdentity,
};

use crate::fixture::Fixture;
use crate::words::{NOW, after};

const DAY: i64 = 86_400;

on_every_database! {
    async fn a_set_up_link_makes_an_owner_once(fixture) {
        fixture.set_up_link("link").await;
        fixture.set_up_link("another").await;
        let found = fixture.store.setup_link(secret("link"), NOW).await.unwrap();
        assert_eq!(found, Some((fixture.account, "default".to_owned())));
        assert_eq!(fixture.store.setup_link(secret("link"), after(DAY)).await.unwrap(), None, "it runs out");
        let account = fixture.store.use_setup_link(owner("link", "ada")).await.unwrap().unwrap();
        assert_eq!(account.id, fixture.account);
        assert_eq!(fixture.store.owners(fixture.account).await.unwrap(), 1);
        for void in ["link", "another", "unknown"] {
            assert_eq!(fixture.store.use_setup_link(owner(void, "eve")).await.unwrap(), None, "{void}");
        }
        let signed_in = fixture.store.signed_in(secret("ada"), NOW).await.unwrap().unwrap();
        assert_eq!((signed_in.operator.email, signed_in.operator.name.as_str()), (email("ada"), "ada"));
        assert_eq!((signed_in.memberships[0].account, signed_in.memberships[0].role), (fixture.account, Role::Owner));
        let member = fixture.store.members(fixture.account).await.unwrap().remove(0);
        assert_eq!((member.has_passphrase, member.has_identity, member.since), (true, false, NOW));
    }

    async fn of_many_that_open_one_link_at_once_one_becomes_the_owner(fixture) {
        fixture.set_up_link("link").await;
        let names: Vec<String> = (0..16).map(|n| format!("p{n}")).collect();
        let tries = names.iter().map(|name| fixture.store.use_setup_link(owner("link", name)));
        let made = futures_util::future::join_all(tries).await.into_iter().filter(|made| made.as_ref().unwrap().is_some()).count();
        assert_eq!((made, fixture.store.owners(fixture.account).await.unwrap()), (1, 1));
    }

    async fn whoever_lost_a_passphrase_comes_back_by_a_link_and_their_sessions_end(fixture) {
        let ada = fixture.owner("ada").await;
        fixture.set_up_link("again").await;
        let mut back = owner("again", "ada");
        back.session = session("ada-again", NOW);
        back.passphrase_hash = secret("new hash");
        fixture.store.use_setup_link(back).await.unwrap().unwrap();
        assert_eq!(fixture.store.signed_in(secret("ada"), NOW).await.unwrap(), None);
        assert_eq!(fixture.store.signed_in(secret("ada-again"), NOW).await.unwrap().unwrap().operator.id, ada);
        assert_eq!(fixture.store.operator(ada).await.unwrap().unwrap().passphrase_hash, Some(secret("new hash")));
    }

    async fn a_session_ends_when_it_is_idle_and_in_any_case(fixture) {
        fixture.owner("ada").await;
        let at = |millis: i64| NOW.plus_millis(millis);
        assert!(fixture.store.signed_in(secret("ada"), at(IDLE_MILLIS - 1)).await.unwrap().is_some());
        assert!(fixture.store.signed_in(secret("ada"), at(IDLE_MILLIS)).await.unwrap().is_none());
        let mut seen = 0;
        while seen + IDLE_MILLIS < ABSOLUTE_MILLIS {
            seen += IDLE_MILLIS - 1;
            fixture.store.note_session_seen(secret("ada"), at(seen)).await.unwrap();
        }
        assert!(fixture.store.signed_in(secret("ada"), at(ABSOLUTE_MILLIS - 1)).await.unwrap().is_some());
        assert!(fixture.store.signed_in(secret("ada"), at(ABSOLUTE_MILLIS)).await.unwrap().is_none());
        fixture.store.note_session_seen(secret("ada"), NOW).await.unwrap();
        let times = fixture.store.signed_in(secret("ada"), at(seen)).await.unwrap().unwrap().session.times;
        assert_eq!(times.last_seen_at, at(seen), "a clock that steps back takes nothing away");
    }

    async fn what_no_longer_counts_is_forgotten(fixture) {
        let ada = fixture.owner("ada").await;
        fixture.invite("bea", Role::Viewer).await;
        fixture.store.forget_ended_sessions(after(1)).await.unwrap();
        assert!(fixture.store.signed_in(secret("ada"), after(1)).await.unwrap().is_some());
        fixture.store.forget_ended_sessions(after(8 * DAY)).await.unwrap();
        // Neither would count at the moment it was made either, had it stayed.
        assert_eq!(fixture.store.sessions(ada, NOW).await.unwrap(), []);
        assert_eq!(fixture.store.invitations(fixture.account, NOW).await.unwrap(), []);
    }

    async fn another_sign_in_of_the_same_browser_replaces_its_session(fixture) {
        let ada = fixture.owner("ada").await;
        let again = NewSession { replaces: Some(secret("ada")), ..session("ada-2", after(1)) };
        assert!(fixture.store.begin_session(ada, secret("hash of ada"), again).await.unwrap());
        assert!(fixture.store.begin_session(ada, secret("hash of ada"), session("ada-3", after(2))).await.unwrap());
        assert_eq!(fixture.store.signed_in(secret("ada"), after(2)).await.unwrap(), None);
        let sessions = fixture.store.sessions(ada, after(2)).await.unwrap();
        assert_eq!(sessions.iter().map(|session| session.times.created_at).collect::<Vec<_>>(), [after(2), after(1)]);
        assert!(fixture.store.end_session(ada, sessions[1].id, NOW).await.unwrap());
        assert!(!fixture.store.end_session(ada, sessions[1].id, NOW).await.unwrap());
        assert_eq!(fixture.store.signed_in(secret("ada-2"), after(2)).await.unwrap(), None);
        assert!(fixture.store.signed_in(secret("ada-3"), after(2)).await.unwrap().is_some());
    }

    async fn sessions_are_bounded_and_the_oldest_end(fixture) {
        let ada = fixture.owner("ada").await;
        for n in 1..=50 {
            assert!(fixture.store.begin_session(ada, secret("hash of ada"), session(&format!("s{n}"), after(n))).await.unwrap());
        }
        assert_eq!(fixture.store.sessions(ada, after(60)).await.unwrap().len(), 50);
        assert_eq!(fixture.store.signed_in(secret("ada"), after(60)).await.unwrap(), None);
        assert!(fixture.store.signed_in(secret("s1"), after(60)).await.unwrap().is_some());
    }

    async fn a_change_of_passphrase_ends_every_session_and_voids_sign_ins_under_way(fixture) {
        let ada = fixture.owner("ada").await;
        assert!(fixture.store.begin_session(ada, secret("hash of ada"), session("elsewhere", NOW)).await.unwrap());
        let change = NewPassphrase { operator: ada, hash: secret("new"), session: session("here", after(1)) };
        fixture.store.set_passphrase(change).await.unwrap();
        assert!(fixture.store.signed_in(secret("here"), after(1)).await.unwrap().is_some());
        for gone in ["ada", "elsewhere"] {
            assert_eq!(fixture.store.signed_in(secret(gone), after(1)).await.unwrap(), None);
        }
        assert!(!fixture.store.begin_session(ada, secret("hash of ada"), session("late", after(1))).await.unwrap());
        fixture.store.rehash_passphrase(ada, secret("hash of ada"), secret("old, hashed anew")).await.unwrap();
        assert_eq!(fixture.store.operator(ada).await.unwrap().unwrap().passphrase_hash, Some(secret("new")));
        fixture.store.rehash_passphrase(ada, secret("new"), secret("new, hashed anew")).await.unwrap();
        assert_eq!(fixture.store.operator(ada).await.unwrap().unwrap().passphrase_hash, Some(secret("new, hashed anew")));
        assert!(fixture.store.signed_in(secret("here"), after(1)).await.unwrap().is_some(), "the passphrase is the same");
    }

    async fn an_invitation_is_for_one_address_and_works_once(fixture) {
        let ada = fixture.owner("ada").await;
        assert_eq!(fixture.invite("bea", Role::Viewer).await, Invited::Done);
        assert_eq!(fixture.invite("ada", Role::Viewer).await, Invited::AlreadyMember);
        let open = fixture.store.open_invitation(secret("to bea"), NOW).await.unwrap().unwrap();
        assert_eq!((open.account_name.as_str(), open.email, open.role, open.is_known), ("default", email("bea"), Role::Viewer, false));
        assert_eq!(fixture.store.open_invitation(secret("to bea"), after(7 * DAY)).await.unwrap(), None);
        let accept = |invitee| fixture.store.accept_invitation(secret("to bea"), invitee, NOW);
        assert_eq!(accept(Invitee::Known(ada)).await.unwrap(), Accepted::SomebodyElses);
        assert_eq!(accept(newcomer("bea")).await.unwrap(), Accepted::Done(fixture.account));
        assert_eq!(accept(newcomer("bea")).await.unwrap(), Accepted::Unknown);
        let bea = fixture.store.signed_in(secret("bea"), NOW).await.unwrap().unwrap();
        assert_eq!((bea.operator.email, bea.memberships[0].role), (email("bea"), Role::Viewer));
        assert_eq!(fixture.store.invitations(fixture.account, NOW).await.unwrap(), []);
    }

    async fn an_operator_of_another_account_signs_in_to_take_up_an_invitation(fixture) {
        let bea = fixture.owner_of(fixture.account_on("ten_a_month").await, "bea").await;
        fixture.owner("ada").await;
        fixture.invite("bea", Role::Operator).await;
        assert!(fixture.store.open_invitation(secret("to bea"), NOW).await.unwrap().unwrap().is_known);
        let accept = |invitee| fixture.store.accept_invitation(secret("to bea"), invitee, NOW);
        assert_eq!(accept(newcomer("bea")).await.unwrap(), Accepted::MustSignIn, "an invitation's link is no passphrase");
        assert_eq!(accept(Invitee::Known(bea)).await.unwrap(), Accepted::Done(fixture.account));
        let accounts = fixture.store.signed_in(secret("bea"), NOW).await.unwrap().unwrap().memberships;
        let names: Vec<_> = accounts.iter().map(|one| (one.account_name.as_str(), one.role)).collect();
        assert_eq!(names, [("default", Role::Operator), ("on ten_a_month", Role::Owner)]);
    }

    async fn a_second_invitation_for_an_address_voids_the_first_and_one_can_be_withdrawn(fixture) {
        fixture.owner("ada").await;
        fixture.invite("bea", Role::Viewer).await;
        let again = NewInvitation { token: secret("again"), ..fixture.invitation("bea", Role::Operator) };
        assert_eq!(fixture.store.invite(again).await.unwrap(), Invited::Done);
        assert_eq!(fixture.store.open_invitation(secret("to bea"), NOW).await.unwrap(), None);
        let open = fixture.store.invitations(fixture.account, NOW).await.unwrap();
        assert_eq!((open.len(), open[0].role), (1, Role::Operator));
        let stranger = fixture.account_on("ten_a_month").await;
        assert!(!fixture.store.withdraw_invitation(stranger, open[0].id, Actor::Machine, NOW).await.unwrap());
        assert!(fixture.store.withdraw_invitation(fixture.account, open[0].id, Actor::Machine, NOW).await.unwrap());
        let late = fixture.store.accept_invitation(secret("again"), newcomer("bea"), NOW).await.unwrap();
        assert_eq!(late, Accepted::Unknown);
    }

    async fn the_last_owner_stays(fixture) {
        let ada = fixture.owner("ada").await;
        fixture.invite("bea", Role::Owner).await;
        let change = |who, change| fixture.store.change_member(fixture.account, who, change, Actor::Machine, NOW);
        assert_eq!(change(ada, MemberChange::Removal).await.unwrap(), MemberChanged::LastOwner);
        fixture.store.accept_invitation(secret("to bea"), newcomer("bea"), NOW).await.unwrap();
        let bea = fixture.store.signed_in(secret("bea"), NOW).await.unwrap().unwrap().operator.id;
        // Each takes the other's role at once: one of them comes second.
        let (first, second) = tokio::join!(change(ada, MemberChange::Role(Role::Viewer)), change(bea, MemberChange::Removal));
        let mut outcomes = [first.unwrap(), second.unwrap()];
        outcomes.sort_by_key(|outcome| *outcome != MemberChanged::Done);
        assert_eq!(outcomes, [MemberChanged::Done, MemberChanged::LastOwner]);
        assert_eq!(fixture.store.owners(fixture.account).await.unwrap(), 1);
        let stranger = OperatorId::random(NOW);
        assert_eq!(change(stranger, MemberChange::Removal).await.unwrap(), MemberChanged::Unknown);
    }

    async fn an_identity_lets_in_who_is_invited_or_known_and_nobody_else(fixture) {
        fixture.owner("ada").await;
        let sign_in = |subject: &str, name: &str| fixture.store.sign_in_with_identity(identity(subject, name));
        assert_eq!(sign_in("sub-eve", "eve").await.unwrap(), IdentityAnswer::NotInvited);
        assert!(fixture.store.operator_by_email(email("eve")).await.unwrap().is_none(), "nothing was written");
        fixture.invite("bea", Role::Viewer).await;
        let IdentityAnswer::SignedIn(bea) = sign_in("sub-bea", "bea").await.unwrap() else { panic!("invited") };
        let signed_in = fixture.store.signed_in(secret("sub-bea"), NOW).await.unwrap().unwrap();
        assert_eq!((signed_in.operator.id, signed_in.memberships[0].role), (bea, Role::Viewer));
        assert!(fixture.store.operator(bea).await.unwrap().unwrap().passphrase_hash.is_none());
        assert_eq!(fixture.store.invitations(fixture.account, NOW).await.unwrap(), []);
        // Whoever has a passphrase already is the same person by a verified address.
        let IdentityAnswer::SignedIn(ada) = sign_in("sub-ada", "ada").await.unwrap() else { panic!("a member") };
        assert_eq!(fixture.store.operator_by_email(email("ada")).await.unwrap().unwrap().operator.id, ada);
        // The subject counts, whatever the address is now.
        assert_eq!(sign_in("sub-bea", "beatrice").await.unwrap(), IdentityAnswer::SignedIn(bea));
        assert_eq!(sign_in("sub-other", "bea").await.unwrap(), IdentityAnswer::SomebodyElses(bea), "the address has a new holder");
        fixture.store.change_member(fixture.account, bea, MemberChange::Removal, Actor::Machine, NOW).await.unwrap();
        assert_eq!(sign_in("sub-bea", "bea").await.unwrap(), IdentityAnswer::NotInvited, "no longer a member");
    }

    async fn a_sign_in_through_a_provider_opens_one_session(fixture) {
        fixture.owner("ada").await;
        let first = identity("sub-ada", "ada");
        let again = VerifiedIdentity { session: session("of a thief", NOW), ..first.clone() };
        let sign_in = |identity: VerifiedIdentity| fixture.store.sign_in_with_identity(identity);
        assert!(matches!(sign_in(first.clone()).await.unwrap(), IdentityAnswer::SignedIn(_)));
        assert_eq!(sign_in(again.clone()).await.unwrap(), IdentityAnswer::UsedBefore);
        assert!(fixture.store.signed_in(secret("of a thief"), NOW).await.unwrap().is_none());
        fixture.store.forget_ended_sessions(after(599_000)).await.unwrap();
        assert_eq!(sign_in(again).await.unwrap(), IdentityAnswer::UsedBefore, "for as long as it could be ended");
    }

    async fn whoever_chose_a_passphrase_under_an_address_of_another_loses_it_to_whom_the_provider_knows(fixture) {
        // Somebody has opened an invitation for an address that is not theirs: nobody has asked for a proof.
        fixture.owner("eve").await;
        fixture.invite("ceo", Role::Viewer).await;
        fixture.store.accept_invitation(secret("to ceo"), newcomer("ceo"), NOW).await.unwrap();
        let planted = fixture.store.signed_in(secret("ceo"), NOW).await.unwrap().unwrap().operator.id;
        let account = fixture.store.create_account("victim", "ten_a_month", NOW).await.unwrap().unwrap().id;
        let of_victim = NewInvitation { account, ..fixture.invitation("ceo", Role::Owner) };
        fixture.store.invite(NewInvitation { token: secret("of the victim"), ..of_victim }).await.unwrap();
        let answer = fixture.store.sign_in_with_identity(identity("sub-ceo", "ceo")).await.unwrap();
        assert_eq!(answer, IdentityAnswer::SignedIn(planted));
        assert_eq!(fixture.store.signed_in(secret("ceo"), NOW).await.unwrap(), None, "the session of whoever chose the passphrase");
        assert_eq!(fixture.store.operator(planted).await.unwrap().unwrap().passphrase_hash, None);
        assert!(!fixture.store.begin_session(planted, secret("hash"), session("late", after(1))).await.unwrap(), "a sign-in under way");
        let real = fixture.store.signed_in(secret("sub-ceo"), NOW).await.unwrap().unwrap();
        assert!(real.memberships.iter().any(|membership| membership.account == account && membership.role == Role::Owner));
        // A passphrase that they choose themselves stays when they come again.
        let chosen = NewPassphrase { operator: planted, hash: secret("their own"), session: session("here", after(1)) };
        fixture.store.set_passphrase(chosen).await.unwrap();
        let again = VerifiedIdentity { flow: secret("another flow"), session: session("again", after(2)), ..identity("sub-ceo", "ceo") };
        assert_eq!(fixture.store.sign_in_with_identity(again).await.unwrap(), IdentityAnswer::SignedIn(planted));
        assert_eq!(fixture.store.operator(planted).await.unwrap().unwrap().passphrase_hash, Some(secret("their own")));
        assert!(fixture.store.signed_in(secret("here"), after(2)).await.unwrap().is_some());
    }

    async fn a_second_provider_does_not_speak_for_whom_a_first_one_knows(fixture) {
        let ada = fixture.owner("ada").await;
        let first = identity("sub-ada", "ada");
        let second = VerifiedIdentity { issuer: "https://weak.example".to_owned(), ..identity("sub-eve", "ada") };
        assert!(matches!(fixture.store.sign_in_with_identity(first).await.unwrap(), IdentityAnswer::SignedIn(_)));
        assert_eq!(fixture.store.sign_in_with_identity(second).await.unwrap(), IdentityAnswer::SomebodyElses(ada));
    }

    async fn accounts_are_listed_by_name_and_a_name_is_taken_once(fixture) {
        let made = fixture.store.create_account("b", "ten_a_month", NOW).await.unwrap().unwrap();
        assert_eq!((made.plan.as_str(), made.created_at), ("ten_a_month", NOW));
        assert_eq!(fixture.store.create_account("b", "unlimited", NOW).await.unwrap(), None);
        let names = |accounts: Vec<store::Account>| accounts.into_iter().map(|account| account.name).collect::<Vec<_>>();
        assert_eq!(names(fixture.store.accounts("", 10).await.unwrap()), ["b", "default"]);
        assert_eq!(names(fixture.store.accounts("b", 10).await.unwrap()), ["default"]);
        assert_eq!(names(fixture.store.accounts("", 1).await.unwrap()), ["b"]);
        assert_eq!(fixture.store.account_by_name("b").await.unwrap(), Some(made));
        assert_eq!(fixture.store.account_by_name("c").await.unwrap(), None);
    }
}

impl Fixture {
    async fn set_up_link(&self, token: &str) {
        self.set_up_link_of(self.account, token).await;
    }

    async fn set_up_link_of(&self, account: AccountId, token: &str) {
        self.store.insert_setup_link(NewSetupLink { account, token: secret(token), now: NOW, expires_at: after(DAY) }).await.unwrap();
    }

    /// An owner of the default account, signed in with their name as token.
    pub(crate) async fn owner(&self, name: &str) -> OperatorId {
        self.owner_of(self.account, name).await
    }

    async fn owner_of(&self, account: AccountId, name: &str) -> OperatorId {
        self.set_up_link_of(account, name).await;
        self.store.use_setup_link(owner(name, name)).await.unwrap().unwrap();
        self.store.operator_by_email(email(name)).await.unwrap().unwrap().operator.id
    }

    fn invitation(&self, name: &str, role: Role) -> NewInvitation {
        NewInvitation {
            account: self.account,
            id: InvitationId::random(NOW),
            email: email(name),
            role,
            token: secret(&format!("to {name}")),
            invited_by: None,
            now: NOW,
            expires_at: after(7 * DAY),
        }
    }

    async fn invite(&self, name: &str, role: Role) -> Invited {
        self.store.invite(self.invitation(name, role)).await.unwrap()
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn email(name: &str) -> EmailAddress {
    format!("{name}@company.example").parse().unwrap()
}

fn session(token: &str, now: UnixMillis) -> NewSession {
    let (address, user_agent) = ("192.0.2.7".to_owned(), "a browser".to_owned());
    NewSession { id: SessionId::random(now), token: secret(token), replaces: None, now, address, user_agent }
}

fn owner(token: &str, name: &str) -> NewOwner {
    NewOwner {
        token: secret(token),
        new_id: OperatorId::random(NOW),
        email: email(name),
        name: name.to_owned(),
        passphrase_hash: secret(&format!("hash of {name}")),
        session: session(name, NOW),
    }
}

fn newcomer(name: &str) -> Invitee {
    let (passphrase_hash, session) = (secret("hash"), session(name, NOW));
    Invitee::New { id: OperatorId::random(NOW), name: name.to_owned(), passphrase_hash, session }
}

/// Signed in with the subject as token.
fn identity(subject: &str, name: &str) -> VerifiedIdentity {
    VerifiedIdentity {
        issuer: "https://accounts.example".to_owned(),
        subject: subject.to_owned(),
        email: email(name),
        name: name.to_owned(),
        new_id: OperatorId::random(NOW),
        session: NewSession { replaces: Some(secret(subject)), ..session(subject, NOW) },
        flow: Secret::generate(),
        flow_ends_at: after(600_000),
    }
}
