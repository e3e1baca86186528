//! How long things took, counted in buckets: small enough to add up with every report, fine enough for a median that
//! means something. A bucket is at most a quarter wider than it begins (four a power of two).

/// The number of a bucket; larger is longer. What storage keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u32);

/// Below this every millisecond count is a bucket of its own.
const EXACT_BELOW: u64 = 4;
/// The longest time that is told apart: a week is the longest deadline of a job.
const LONGEST_MILLIS: u64 = 1 << 30;

impl Bucket {
    /// The bucket of a time; what is longer than twelve days counts as twelve days.
    #[must_use]
    pub const fn of(millis: u64) -> Self {
        let millis = if millis > LONGEST_MILLIS { LONGEST_MILLIS } else { millis };
        if millis < EXACT_BELOW {
            return Self(millis as u32);
        }
        let power = millis.ilog2();
        // The two binary digits behind the first.
        let quarter = (millis >> (power - 2)) as u32 & 3;
        Self((power - 1) * 4 + quarter)
    }

    /// The bucket that storage knows by this number.
    #[must_use]
    pub const fn numbered(number: u32) -> Self {
        Self(number)
    }

    /// What storage knows it by.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The shortest time that belongs to it, in milliseconds.
    #[must_use]
    pub const fn floor_millis(self) -> u64 {
        if self.0 < EXACT_BELOW as u32 {
            return self.0 as u64;
        }
        // A number that no bucket has can only be a corrupted one; it is told as the longest.
        let power = if self.0 / 4 + 1 > 62 { 62 } else { self.0 / 4 + 1 };
        (4 + (self.0 % 4) as u64) << (power - 2)
    }
}

/// The time that `share` (0 to 100, in percent) of all counted times did not exceed, to the width of a bucket: buckets and
/// how many fell into each, in any order. None: nothing was counted.
#[must_use]
pub fn percentile(counts: &[(Bucket, u64)], share: u64) -> Option<u64> {
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    if total == 0 {
        return None;
    }
    let mut sorted = counts.to_vec();
    sorted.sort_by_key(|(bucket, _)| *bucket);
    let wanted = (total * share.min(100)).div_ceil(100).max(1);
    let mut seen = 0;
    sorted.iter().find_map(|(bucket, count)| {
        seen += count;
        (seen >= wanted).then(|| middle_millis(*bucket))
    })
}

/// Between where the bucket begins and where the next does.
const fn middle_millis(bucket: Bucket) -> u64 {
    let floor = bucket.floor_millis();
    floor + (Bucket(bucket.0 + 1).floor_millis() - floor) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_in_its_bucket_and_buckets_are_narrow() {
        let mut last = Bucket::of(0);
        for millis in (0..5_000).chain((5_000..LONGEST_MILLIS).step_by(999_983)) {
            let bucket = Bucket::of(millis);
            let (floor, next) = (bucket.floor_millis(), Bucket(bucket.0 + 1).floor_millis());
            assert!(floor <= millis && millis < next, "{millis} in {floor}..{next}");
            assert!(next - floor <= (floor / 4).max(1), "{floor}..{next}");
            assert!(last <= bucket);
            last = bucket;
        }
        assert_eq!(Bucket::of(u64::MAX), Bucket::of(LONGEST_MILLIS));
    }

    #[test]
    fn percentiles_are_those_of_the_times() {
        let counts: Vec<(Bucket, u64)> = (1..=100).map(|hundredth| (Bucket::of(hundredth * 100), 1)).collect();
        let near = |share, millis: u64| {
            let found = percentile(&counts, share).unwrap();
            assert!(found.abs_diff(millis) <= millis / 4, "{share} %: {found}");
        };
        near(50, 5_000);
        near(95, 9_500);
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[(Bucket::of(3), 1)], 0), Some(3));
    }
}
