//! Where the links of `resolve` come from, and the forms in which their results leave.

pub(crate) mod evidence;
pub(crate) mod input;
pub(crate) mod replacement;
pub(crate) mod sheet;
pub(crate) mod summary;
