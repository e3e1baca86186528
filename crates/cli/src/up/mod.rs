//! What `up` stands up, and what it does with it.

pub(crate) mod lab_run;
pub(crate) mod stack;
