//! How rows lie in the storage engine's tables when its bytes are shipped: a list is spread over entries, so that a push changes few bytes.
//!
//! Not here: where the bytes go.

use bytes::Bytes;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::record::{Change, End, List, Value, element_size};
use crate::store::engine::Shape;

type Failure = redb::Error;

/// By key: what it holds, encoded.
const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");
/// By the list's key and a number that counts up to the back and down to the front.
const ELEMENTS: TableDefinition<(&[u8], i64), &[u8]> = TableDefinition::new("elements");

#[derive(Debug, Serialize, Deserialize)]
enum Row {
    String(Bytes),
    /// The numbers of its elements are `first..next`; their sizes add up to `size`.
    List {
        first: i64,
        next: i64,
        size: u64,
    },
}

fn encode(row: &Row) -> Vec<u8> {
    postcard::to_stdvec(row).expect("a row has no part that cannot be serialized")
}

fn decode(encoded: &[u8]) -> Result<Row, Failure> {
    postcard::from_bytes(encoded).map_err(|_| redb::Error::Corrupted("a row is no value of this program".to_owned()))
}

/// Opening a table creates it, and a new database is to have both.
pub(super) fn create(transaction: &WriteTransaction) -> Result<(), Failure> {
    transaction.open_table(ROWS)?;
    transaction.open_table(ELEMENTS)?;
    Ok(())
}

pub(super) fn get(transaction: &ReadTransaction, key: &[u8]) -> Result<Option<Value>, Failure> {
    let rows = transaction.open_table(ROWS)?;
    let Some(row) = rows.get(key)?.map(|encoded| decode(encoded.value())).transpose()? else { return Ok(None) };
    Ok(Some(match row {
        Row::String(value) => Value::String(value),
        Row::List { first, next, .. } => {
            let mut list = List::default();
            for element in transaction.open_table(ELEMENTS)?.range((key, first)..(key, next))? {
                list.push(End::Back, Bytes::copy_from_slice(element?.1.value()));
            }
            Value::List(list)
        }
    }))
}

pub(super) fn shape(transaction: &ReadTransaction, key: &[u8]) -> Result<Shape, Failure> {
    let rows = transaction.open_table(ROWS)?;
    let row = rows.get(key)?.map(|encoded| decode(encoded.value())).transpose()?;
    Ok(match row {
        None => Shape::Nothing,
        Some(Row::String(_)) => Shape::String,
        Some(Row::List { first, next, size }) => {
            Shape::List { length: (next - first).cast_unsigned() as usize, size: size as usize }
        }
    })
}

pub(super) fn len(transaction: &ReadTransaction) -> Result<usize, Failure> {
    Ok(transaction.open_table(ROWS)?.len()? as usize)
}

/// Makes a logical change.
pub(super) fn make(transaction: &WriteTransaction, change: &Change) -> Result<(), Failure> {
    let mut rows = transaction.open_table(ROWS)?;
    let mut elements = transaction.open_table(ELEMENTS)?;
    match change {
        Change::Noop | Change::Members { .. } | Change::Bytes(_) | Change::Check { .. } | Change::Repair { .. } => {}
        Change::Set { key, after, .. } => {
            let before = rows.insert(&key[..], &encode(&Row::String(after.clone()))[..])?;
            let before = before.map(|encoded| decode(encoded.value())).transpose()?;
            remove_elements(&mut elements, key, before.as_ref())?;
        }
        Change::Delete { rows: gone } => {
            for (key, _) in gone {
                let before = rows.remove(&key[..])?.map(|encoded| decode(encoded.value())).transpose()?;
                remove_elements(&mut elements, key, before.as_ref())?;
            }
        }
        Change::Push { key, end, elements: pushed } => {
            let before = rows.get(&key[..])?.map(|encoded| decode(encoded.value())).transpose()?;
            let (mut first, mut next, mut size) = match before {
                Some(Row::List { first, next, size }) => (first, next, size),
                _ => (0, 0, 0),
            };
            for element in pushed {
                let number = match end {
                    End::Back => next,
                    End::Front => first - 1,
                };
                elements.insert((&key[..], number), &element[..])?;
                (first, next) = (first.min(number), next.max(number + 1));
                size += element_size(element) as u64;
            }
            rows.insert(&key[..], &encode(&Row::List { first, next, size })[..])?;
        }
    }
    Ok(())
}

fn remove_elements(elements: &mut Table<(&[u8], i64), &[u8]>, key: &Bytes, row: Option<&Row>) -> Result<(), Failure> {
    if let Some(&Row::List { first, next, .. }) = row {
        elements.retain_in((&key[..], first)..(&key[..], next), |_, _| false)?;
    }
    Ok(())
}
