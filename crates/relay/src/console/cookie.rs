//! The cookie that holds a session's token. Where nobody on the way can read it, its name begins with `__Host-`, which
//! browsers take from this very host alone, over TLS. Elsewhere (this machine, a network of one's own) the name has the port,
//! since cookies do not tell the ports of a host apart.

use axum::http::{HeaderMap, HeaderValue, header};
use domain::session::ABSOLUTE_MILLIS;
use protocol::Secret;
use protocol::secret::random_bytes;

use super::here::Here;

/// Characters of a token: 256 bits.
const TOKEN_CHARACTERS: usize = 43;

/// A new token.
pub(super) fn new_token() -> Secret {
    Secret::new(data_encoding::BASE64URL_NOPAD.encode(&random_bytes::<32>()))
}

/// What the cookie is called; others of ours begin with the same.
pub(super) fn name(here: &Here) -> String {
    if here.is_secure { "__Host-link-peeler".to_owned() } else { format!("link-peeler-{}", here.port) }
}

/// The token that a browser has, if it looks like one.
pub(super) fn token(headers: &HeaderMap, here: &Here) -> Option<Secret> {
    let text = value(headers, &name(here))?;
    let is_token = text.len() == TOKEN_CHARACTERS && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    is_token.then(|| Secret::new(text.to_owned()))
}

/// The value of a cookie.
pub(super) fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Gives a browser its token.
pub(super) fn set(token: &Secret, here: &Here) -> HeaderValue {
    write(&name(here), token.expose(), ABSOLUTE_MILLIS / 1_000, here)
}

/// Takes it away.
pub(super) fn clear(here: &Here) -> HeaderValue {
    write(&name(here), "", 0, here)
}

/// A cookie for every path of this host, out of reach of scripts. Lax, not strict: whoever follows a link to the console, from
/// a chat or from a provider's sign-in, is signed in there.
pub(super) fn write(name: &str, value: &str, seconds: i64, here: &Here) -> HeaderValue {
    let secure = if here.is_secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut cookie = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    cookie.set_sensitive(true);
    cookie
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn here(is_secure: bool) -> Here {
        Here { origin: String::new(), is_secure, port: 7335, address: Ipv4Addr::LOCALHOST.into() }
    }

    #[test]
    fn a_token_comes_back_where_it_was_given() {
        for secure in [true, false] {
            let (here, token) = (here(secure), new_token());
            let given = set(&token, &here).to_str().unwrap().to_owned();
            assert!(given.contains("; HttpOnly; SameSite=Lax"), "{given}");
            assert_eq!((given.starts_with("__Host-"), given.contains("; Secure")), (secure, secure), "{given}");
            let pair = given.split(';').next().unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, format!("a=b; {pair}; c=d").parse().unwrap());
            assert_eq!(super::token(&headers, &here), Some(token));
            assert_eq!(super::token(&headers, &Here { is_secure: !secure, ..here }), None, "nowhere else");
        }
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        for value in ["", "x", &"a".repeat(44), &format!("{}.", "a".repeat(42))] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, format!("link-peeler-7335={value}").parse().unwrap());
            assert_eq!(token(&headers, &here(false)), None, "{value}");
        }
    }
}
