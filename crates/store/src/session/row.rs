//! A row of a result, read by position in the order of the statement's columns.

use domain::{EmailAddress, Role};
use protocol::{AccountId, DeviceId, Environment, InvitationId, JobId, OperatorId, SessionId, UnixMillis};

use crate::error::StoreError;

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row(pub(super) Vec<Cell>);

/// What a column is read as. Written once; the two databases meet in [`Cell`].
pub(crate) trait FromCell: Sized {
    fn from_cell(cell: &Cell) -> Option<Self>;
}

impl Row {
    /// Reads the column at `index`.
    pub(crate) fn get<T: FromCell>(&self, index: usize) -> Result<T, StoreError> {
        let cell = self.0.get(index).unwrap_or(&Cell::Null);
        T::from_cell(cell).ok_or_else(|| StoreError::Corrupt(format!("column {index} cannot be read as {}", std::any::type_name::<T>())))
    }

    /// Bytes of its texts and blobs.
    pub(crate) fn bytes(&self) -> usize {
        let of = |cell: &Cell| match cell {
            Cell::Null | Cell::Int(_) => 0,
            Cell::Text(text) => text.len(),
            Cell::Bytes(bytes) => bytes.len(),
        };
        self.0.iter().map(of).sum()
    }
}

impl FromCell for i64 {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Int(value) = cell { Some(*value) } else { None }
    }
}

impl FromCell for u64 {
    fn from_cell(cell: &Cell) -> Option<Self> {
        i64::from_cell(cell)?.try_into().ok()
    }
}

impl FromCell for u32 {
    fn from_cell(cell: &Cell) -> Option<Self> {
        i64::from_cell(cell)?.try_into().ok()
    }
}

impl FromCell for bool {
    fn from_cell(cell: &Cell) -> Option<Self> {
        i64::from_cell(cell).map(|value| value != 0)
    }
}

impl FromCell for UnixMillis {
    fn from_cell(cell: &Cell) -> Option<Self> {
        i64::from_cell(cell).map(Self)
    }
}

impl FromCell for Environment {
    fn from_cell(cell: &Cell) -> Option<Self> {
        match i64::from_cell(cell)? {
            0 => Some(Self::Live),
            1 => Some(Self::Test),
            _ => None,
        }
    }
}

impl FromCell for Role {
    fn from_cell(cell: &Cell) -> Option<Self> {
        Self::of_number(i64::from_cell(cell)?)
    }
}

impl FromCell for EmailAddress {
    fn from_cell(cell: &Cell) -> Option<Self> {
        String::from_cell(cell)?.parse().ok()
    }
}

impl FromCell for String {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Text(text) = cell { Some(text.clone()) } else { None }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Bytes(bytes) = cell { Some(bytes.clone()) } else { None }
    }
}

impl<const N: usize> FromCell for [u8; N] {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Bytes(bytes) = cell { bytes.as_slice().try_into().ok() } else { None }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if *cell == Cell::Null { Some(None) } else { T::from_cell(cell).map(Some) }
    }
}

macro_rules! ids {
    ($($id:ty),*) => {$(
        impl FromCell for $id {
            fn from_cell(cell: &Cell) -> Option<Self> {
                FromCell::from_cell(cell).map(<$id>::from_bytes)
            }
        }
    )*};
}

ids!(AccountId, DeviceId, InvitationId, JobId, OperatorId, SessionId);
