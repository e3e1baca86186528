//! What `sign` works with: one request spelled out, and the mistakes that make signatures differ.

pub(crate) mod mistakes;
pub(crate) mod spelled;
