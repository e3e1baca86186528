//! How values travel to PostgreSQL: one by one, or a column of a batch as an array.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

use super::Value;

type Encoded = Result<IsNull, Box<dyn Error + Sync + Send>>;

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Encoded {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        // Statements of ours have parameters of these types only; any other is a mistake that a test finds.
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

/// One column of a batch, as the server reads an array: written down at once, so that it outlives what it was made from.
#[derive(Debug)]
pub(super) struct Column(BytesMut);

impl Column {
    /// Encodes so many values as an array of this type.
    pub(super) fn encode<'v>(array: &Type, length: usize, values: impl Iterator<Item = Value<'v>>) -> Self {
        let element = if let Kind::Array(element) = array.kind() { element.oid() } else { 0 };
        // Dimensions, whether there are nulls (the server looks for itself), what the elements are; length, first index.
        let mut out = BytesMut::with_capacity(20 + 20 * length);
        out.put_i32(1);
        out.put_i32(1);
        out.put_u32(element);
        out.put_i32(i32::try_from(length).unwrap_or(i32::MAX));
        out.put_i32(1);
        for value in values {
            match value {
                Value::Null => out.put_i32(-1),
                Value::Int(number) => {
                    out.put_i32(8);
                    out.put_i64(number);
                }
                Value::Text(text) => put(&mut out, text.as_bytes()),
                Value::Bytes(bytes) => put(&mut out, bytes),
            }
        }
        Self(out)
    }
}

fn put(out: &mut BytesMut, bytes: &[u8]) {
    out.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    out.put_slice(bytes);
}

impl ToSql for Column {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Encoded {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8_ARRAY | Type::TEXT_ARRAY | Type::BYTEA_ARRAY)
    }

    to_sql_checked!();
}
