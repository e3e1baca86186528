//! What the time of an answer tells: nothing. After the manner of dudect (Reparaz, Balasch, Verbauwhede, 2017): two classes
//! of inputs in random order, Welch's t-test over the times of both, over all of them and over the quicker ones alone. Each
//! test has a control that must be noticed, or it would prove nothing.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use protocol::key::KeyTerms;
use protocol::secret::random_bytes;
use protocol::signature::{CallerHeaders, SignedTarget, VerifyingSecret};
use protocol::{Environment, KeyId, Secret};

use crate::key_table::KeyTable;

/// Times of one try.
const SAMPLES: usize = 60_000;
/// Tries; the middle one counts, so that a machine that stutters in one or two does no harm.
const TRIES: usize = 5;
/// Beyond this, t says that the classes differ. dudect calls 4.5 suspicious and 10 certain.
const CERTAIN: f64 = 10.0;

/// The middle of several tries' largest t. `measure` does the work for an input of the class, `n` of many alike.
fn t_of(mut set_up: impl FnMut() -> Box<dyn FnMut(bool, usize)>) -> f64 {
    let mut tries: Vec<f64> = (0..TRIES).map(|_| t_of_one(&mut *set_up())).collect();
    tries.sort_by(f64::total_cmp);
    tries[TRIES / 2]
}

fn t_of_one(work: &mut dyn FnMut(bool, usize)) -> f64 {
    for n in 0..1_000 {
        work(n % 2 == 0, n);
    }
    let mut random = u64::from_le_bytes(random_bytes()) | 1;
    let mut times = Vec::with_capacity(SAMPLES);
    for n in 0..SAMPLES {
        // xorshift: which class comes next must not follow from what came before.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let class = random & 1 == 0;
        let began = Instant::now();
        work(class, n);
        times.push((class, began.elapsed().as_nanos() as f64));
    }
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    // What interrupts a measurement is slow and has no class: cropping it away shows what it hides.
    let crops = [0.5, 0.75, 0.9, 0.99].map(|share| sorted[(SAMPLES as f64 * share) as usize]);
    crops.into_iter().map(|crop| welch(times.iter().filter(|(_, time)| *time <= crop)).abs()).fold(0.0, f64::max)
}

/// Welch's t of two classes.
fn welch<'t>(times: impl Iterator<Item = &'t (bool, f64)>) -> f64 {
    // Count, mean and sum of squared differences (Welford).
    let mut classes = [(0.0_f64, 0.0_f64, 0.0_f64); 2];
    for (class, time) in times {
        let (count, mean, squares) = &mut classes[usize::from(*class)];
        *count += 1.0;
        let difference = time - *mean;
        *mean += difference / *count;
        *squares += difference * (time - *mean);
    }
    let [(n0, mean0, squares0), (n1, mean1, squares1)] = classes;
    if n0 < 2.0 || n1 < 2.0 {
        return f64::INFINITY;
    }
    let error = (squares0 / (n0 - 1.0) / n0 + squares1 / (n1 - 1.0) / n1).sqrt();
    if error == 0.0 { 0.0 } else { (mean0 - mean1) / error }
}

/// The headers of a request with this signature.
fn headers(signature: [u8; 32]) -> CallerHeaders<'static> {
    CallerHeaders { key_id: "lp_live_0123456789abcdef", timestamp: "1779753600", nonce: "0123456789abcdef", signature }
}

/// The right signature of the empty body, by asking for it as a caller does.
fn right_signature(secret: &Secret) -> [u8; 32] {
    let unsigned = protocol::signature::UnsignedRequest {
        target: SignedTarget::Fetch,
        body: b"",
        timestamp_seconds: 1_779_753_600,
        nonce: "0123456789abcdef".into(),
    };
    let key_id = "lp_live_0123456789abcdef".parse().unwrap();
    let signed = protocol::signature::sign(&key_id, secret, &unsigned);
    let digits = signed.pairs().into_iter().find(|(name, _)| *name == protocol::signature::SIGNATURE_HEADER).unwrap().1.to_owned();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap().try_into().unwrap()
}

/// Wrong from the first byte on, and wrong in the last one alone.
fn wrong(right: [u8; 32]) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut last) = (right, right);
    first[0] ^= 1;
    last[31] ^= 1;
    (first, last)
}

#[test]
fn where_a_signature_begins_to_be_wrong_takes_no_time() {
    let t = t_of(|| {
        let secret = Secret::generate();
        let (verifying, (first, last)) = (VerifyingSecret::new(&secret), wrong(right_signature(&secret)));
        assert!(verifying.verify(SignedTarget::Fetch, &headers(right_signature(&secret)), b"").is_ok());
        let [first, last] = [headers(first), headers(last)];
        Box::new(move |class, _| {
            let headers = if class { &first } else { &last };
            assert!(black_box(verifying.verify(SignedTarget::Fetch, black_box(headers), b"")).is_err());
        })
    });
    assert!(t < CERTAIN, "t = {t:.1}");
}

#[test]
fn a_comparison_that_ends_early_is_noticed() {
    let t = t_of(|| {
        let right = right_signature(&Secret::generate());
        let (first, last) = wrong(right);
        Box::new(move |class, _| {
            let given = if class { first } else { last };
            // Byte after byte, as `==` would be allowed to.
            assert!(black_box(given.iter().zip(&black_box(right)).position(|(given, right)| given != right)).is_some());
        })
    });
    assert!(t > CERTAIN, "t = {t:.1}: the test would notice nothing");
}

/// Ids: such as a table has, such as it has not but for their last letter, and others.
fn ids() -> (Vec<KeyId>, Vec<String>, Vec<String>) {
    let known: Vec<_> = (0..64).map(|_| KeyId::generate(Environment::Live)).collect();
    let near = known.iter().map(|id| format!("{}0", &id.as_str()[..id.as_str().len() - 1])).collect();
    let far = (0..64).map(|_| KeyId::generate(Environment::Live).to_string()).collect();
    (known, near, far)
}

fn table(known: &[KeyId]) -> KeyTable<KeyTerms> {
    KeyTable::new(Arc::default(), known.iter().map(|id| (id.clone(), Arc::default())))
}

/// A single lookup takes less than the clock can tell.
const LOOKUPS: usize = 32;

#[test]
fn whether_a_key_is_known_takes_no_time() {
    let t = t_of(|| {
        let (known, _, far) = ids();
        let (table, known): (_, Vec<_>) = (table(&known), known.iter().map(KeyId::to_string).collect());
        Box::new(move |class, n| {
            let ids = if class { &known } else { &far };
            for lookup in 0..LOOKUPS {
                black_box(table.find(black_box(&ids[(n + lookup) % ids.len()])));
            }
        })
    });
    assert!(t < CERTAIN, "t = {t:.1}");
}

#[test]
fn how_much_of_a_known_key_was_guessed_takes_no_time() {
    let t = t_of(|| {
        let (known, near, far) = ids();
        let table = table(&known);
        Box::new(move |class, n| {
            let ids = if class { &near } else { &far };
            for lookup in 0..LOOKUPS {
                black_box(table.find(black_box(&ids[(n + lookup) % ids.len()])));
            }
        })
    });
    assert!(t < CERTAIN, "t = {t:.1}");
}

#[test]
fn a_lookup_that_clones_what_it_finds_is_noticed() {
    let t = t_of(|| {
        let (known, _, far) = ids();
        // A text of its own: a count of references more or less drowns in where a map happens to put its keys.
        let map: HashMap<String, String> = known.iter().map(|id| (id.to_string(), "the label of a key".to_owned())).collect();
        let known: Vec<_> = known.iter().map(KeyId::to_string).collect();
        Box::new(move |class, n| {
            let ids = if class { &known } else { &far };
            for lookup in 0..LOOKUPS {
                black_box(map.get(black_box(&ids[(n + lookup) % ids.len()])).cloned());
            }
        })
    });
    assert!(t > CERTAIN, "t = {t:.1}: the test would notice nothing");
}
