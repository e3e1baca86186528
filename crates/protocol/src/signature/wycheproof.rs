//! Project Wycheproof's HMAC-SHA256 vectors, through the grammar of the signature header and the comparison that requests go
//! through.

use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::{CallerHeaders, KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, VerifyingSecret};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    tag_size: usize,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    key: String,
    msg: String,
    tag: String,
    result: String,
}

fn is_accepted(case: &Case) -> bool {
    let values = |name: &str| {
        let value = match name {
            KEY_HEADER => "lp_live_0123456789abcdef",
            TIMESTAMP_HEADER => "1779753600",
            NONCE_HEADER => "0123456789abcdef",
            SIGNATURE_HEADER => &case.tag,
            _ => return None,
        };
        Some(value.as_bytes())
    };
    let bytes = |digits: &str| HEXLOWER.decode(digits.as_bytes()).unwrap();
    CallerHeaders::read(values)
        .is_ok_and(|headers| VerifyingSecret::of_bytes(&bytes(&case.key)).verify_message(&bytes(&case.msg), &headers.signature).is_ok())
}

#[test]
fn every_vector_is_accepted_or_refused_as_it_says_and_shortened_tags_never_are() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/wycheproof/hmac_sha256_test.json")).unwrap();
    let file: File = serde_json::from_str(&text).unwrap();
    let (mut accepted, mut refused, mut shortened) = (0, 0, 0);
    for group in &file.test_groups {
        for case in &group.tests {
            // A signature of ours has all 256 bits: a right half of one is worth nothing.
            let expected = case.result == "valid" && group.tag_size == 256;
            assert_eq!(is_accepted(case), expected, "vector {}", case.tc_id);
            match (expected, group.tag_size) {
                (true, _) => accepted += 1,
                (false, 256) => refused += 1,
                (false, _) => shortened += 1,
            }
        }
    }
    assert_eq!(accepted + refused + shortened, file.number_of_tests);
    assert!(accepted >= 30 && refused >= 30 && shortened >= 80, "{accepted} accepted, {refused} refused, {shortened} shortened");
}
