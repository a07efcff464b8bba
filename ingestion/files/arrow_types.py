# Made from solutions/m02_push/17_parquet.ipynb: edit it there.
"""Which Arrow types keep which declared values exactly, and dictionaries spelled out."""

from collections.abc import Callable

import pyarrow as pa

from ingestion.errors import ContractViolationError
from ingestion.files.schema import Schema

__all__ = ["check_columns", "is_text", "plain_schema", "plain_type", "unpack"]


def unpack(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Spell out what a dictionary stands for, wherever it is nested: each value as often as it occurs."""
    schema = plain_schema(batch.schema)
    return batch if schema.equals(batch.schema) else batch.cast(schema)


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Give the schema of the same columns without dictionaries."""
    return pa.schema([field.with_type(plain_type(field.type)) for field in schema])


def plain_type(type_: pa.DataType) -> pa.DataType:
    """Give the type of the same values without dictionaries, and without what an extension calls them, such as JSON.

    Raises:
        ContractViolationError: dictionaries in a list view, which Arrow cannot spell out.
    """
    if pa.types.is_dictionary(type_):
        return plain_type(type_.value_type)
    if isinstance(type_, pa.BaseExtensionType):
        return plain_type(type_.storage_type)
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(plain_type(field.type)) for field in type_.fields])
    if pa.types.is_map(type_):
        return pa.map_(plain_type(type_.key_type), plain_type(type_.item_type))
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return pa.list_(type_.value_field.with_type(plain_type(type_.value_type)))
    if pa.types.is_fixed_size_list(type_):
        return pa.list_(type_.value_field.with_type(plain_type(type_.value_type)), type_.list_size)
    is_view = pa.types.is_list_view(type_) or pa.types.is_large_list_view(type_)
    if is_view and plain_type(type_.value_type) != type_.value_type:
        raise ContractViolationError(f"a column of it is {type_}, which cannot be unpacked")
    return type_


def is_text(type_: pa.DataType) -> bool:
    """Whether the values of a type are text."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


_MAY_HOLD: dict[str, Callable[[pa.DataType], bool]] = {
    "text": is_text,
    "int64": pa.types.is_integer,
    "float64": lambda type_: pa.types.is_floating(type_) or pa.types.is_integer(type_),
    "decimal": lambda type_: pa.types.is_decimal(type_) or pa.types.is_integer(type_),
    "boolean": pa.types.is_boolean,
    "date": pa.types.is_date,
    "timestamp": pa.types.is_timestamp,
    "json": lambda type_: True,
}


def check_columns(found: pa.Schema, schema: Schema) -> None:
    """Say nothing when a file has the columns of *schema*, in any order, each of a type that keeps its values exactly.

    Raises:
        ContractViolationError: it has not, so nothing of it can be loaded.
    """
    names, wanted = sorted(found.names), sorted(schema.names)
    if names != wanted:
        raise ContractViolationError(f"its columns are {', '.join(names)}; wanted are {', '.join(wanted)}")
    for column in schema.columns:
        type_ = plain_type(found.field(column.name).type)
        if not _MAY_HOLD[column.kind](type_):
            raise ContractViolationError(f"its column {column.name} is {type_}; wanted is {column.kind}")
        if pa.types.is_timestamp(type_) and type_.tz is None and not column.zone:
            raise ContractViolationError(f"its column {column.name} names no time zone, and none is declared for it")
