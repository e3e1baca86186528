//! Why somebody was not signed in through a provider, said to a person, each with a code that does not change.

use axum::http::StatusCode;

/// Why not. The log has the particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignInFault {
    /// The browser does not carry what it was given when it left, or too late.
    Lost,
    /// What came back is not what this browser had asked for.
    Forged,
    /// It was taken before.
    Used,
    /// The answer is another provider's than the one that was asked.
    MixedUp,
    /// The person, or the provider, said no.
    Declined,
    /// The provider cannot be reached, or does not speak as it should.
    Unreachable,
    /// The provider does not know its own code any more.
    CodeRefused,
    /// The ID token is not signed by the provider in a way that it has announced.
    BadSignature,
    /// The ID token is another issuer's.
    WrongIssuer,
    /// The ID token is for somebody else.
    WrongAudience,
    /// The ID token is too old, or from the future.
    WrongTime,
    /// The ID token answers another sign-in.
    WrongNonce,
    /// The ID token lacks what every one has.
    BadToken,
    /// The provider does not say an address that an operator can have.
    NoEmail,
    /// The provider has not verified the address.
    UnverifiedEmail,
    /// Nobody has invited this address.
    NotInvited,
    /// The operator of this address signs in through another account at a provider.
    SomebodyElses,
}

impl SignInFault {
    /// The code, for tickets and searches.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Lost => "sign_in_lost",
            Self::Forged => "sign_in_state_wrong",
            Self::Used => "sign_in_used",
            Self::MixedUp => "sign_in_provider_mixed_up",
            Self::Declined => "sign_in_declined",
            Self::Unreachable => "provider_unreachable",
            Self::CodeRefused => "provider_code_refused",
            Self::BadSignature => "id_token_signature_wrong",
            Self::WrongIssuer => "id_token_issuer_wrong",
            Self::WrongAudience => "id_token_audience_wrong",
            Self::WrongTime => "id_token_time_wrong",
            Self::WrongNonce => "id_token_nonce_wrong",
            Self::BadToken => "id_token_invalid",
            Self::NoEmail => "email_missing",
            Self::UnverifiedEmail => "email_unverified",
            Self::NotInvited => "not_invited",
            Self::SomebodyElses => "identity_differs",
        }
    }

    /// The status of its page.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Lost | Self::Used => StatusCode::GONE,
            Self::Forged | Self::MixedUp => StatusCode::BAD_REQUEST,
            Self::Unreachable
            | Self::CodeRefused
            | Self::BadSignature
            | Self::WrongIssuer
            | Self::WrongAudience
            | Self::WrongTime
            | Self::WrongNonce
            | Self::BadToken => StatusCode::BAD_GATEWAY,
            Self::Declined | Self::NoEmail | Self::UnverifiedEmail | Self::NotInvited | Self::SomebodyElses => StatusCode::FORBIDDEN,
        }
    }

    /// A title, and what to do.
    pub(crate) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Lost => (
                "This sign-in has got lost",
                "It was begun more than ten minutes ago, in another browser, or under another name of the relay. Begin again.",
            ),
            Self::Forged => (
                "This is not the sign-in that was begun here",
                "Nobody was signed in. If you followed a link from somewhere, do not follow it again; sign in from here.",
            ),
            Self::Used => ("This sign-in was used already", "Each one works once. Begin again."),
            Self::MixedUp => ("Another provider has answered", "Nobody was signed in. If it stays so, tell whoever runs the relay."),
            Self::Declined => ("The provider did not sign you in", "You or the provider said no. Begin again, or sign in in another way."),
            Self::Unreachable => (
                "The provider cannot be reached",
                "Nothing was decided. Try again in a moment; whoever runs the relay finds the cause in its log.",
            ),
            Self::CodeRefused => ("The provider takes its own answer back", "It may have come twice, or too late. Begin again."),
            Self::BadSignature | Self::WrongIssuer | Self::WrongAudience | Self::WrongTime | Self::WrongNonce | Self::BadToken => (
                "The provider's answer cannot be believed",
                "Nobody was signed in. Begin again; if it stays so, whoever runs the relay finds the cause in its log.",
            ),
            Self::NoEmail => (
                "The provider does not say your email address",
                "Operators are known by it. Give the provider an address, and let it tell this relay.",
            ),
            Self::UnverifiedEmail => (
                "The provider has not verified your email address",
                "Whoever types an address is not yet its owner. Verify it at the provider, then sign in again.",
            ),
            Self::NotInvited => (
                "Nobody has invited you yet",
                "You are who you say, but no account here knows your address. Ask an owner of the account to invite exactly this address.",
            ),
            Self::SomebodyElses => (
                "This operator signs in in another way",
                "The address belongs to an operator who signs in through another account at a provider. Use that one; an owner can also \
                 remove and invite you anew.",
            ),
        }
    }
}
