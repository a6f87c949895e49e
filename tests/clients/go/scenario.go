// The scenario by pgx.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgtype"
	numeric "github.com/jackc/pgtype/ext/shopspring-numeric"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
	"github.com/shopspring/decimal"
)

// Given by run.sh.
var version string

type parameter struct {
	Type  string
	Value json.RawMessage
}

type step struct {
	Name        string
	SQL         string
	Parameters  []parameter
	Rows        interface{}
	Error       interface{}
	Transaction []step
	End         string
}

// What a pool and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, arguments ...interface{}) (pgx.Rows, error)
}

type object = map[string]interface{}

var passed, failed int

func main() {
	if err := play(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func connect(ctx context.Context) (*pgxpool.Pool, error) {
	url := os.Getenv("DATABASE_URL")
	if os.Getenv("POOLED") == "yes" {
		// Statements without a name. What is kept of one is its description, and that stays true on
		// any connection.
		url += "?statement_cache_mode=describe"
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.AfterConnect = func(_ context.Context, connection *pgx.Conn) error {
		connection.ConnInfo().RegisterDataType(pgtype.DataType{Value: &numeric.Numeric{}, Name: "numeric", OID: pgtype.NumericOID})
		return nil
	}
	return pgxpool.ConnectConfig(ctx, config)
}

func play(ctx context.Context) error {
	fmt.Println("client: pgx", version)
	text, err := os.ReadFile(os.Getenv("SCENARIO"))
	if err != nil {
		return err
	}
	var steps []step
	if err := json.Unmarshal(text, &steps); err != nil {
		return err
	}
	pool, err := connect(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	for _, s := range steps {
		if s.Transaction == nil {
			s.report(ctx, pool, s.Name)
		} else if err := s.transact(ctx, pool); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

func (s step) transact(ctx context.Context, pool *pgxpool.Pool) error {
	transaction, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	for _, inner := range s.Transaction {
		inner.report(ctx, transaction, s.Name+": "+inner.Name)
	}
	if s.End == "commit" {
		return transaction.Commit(ctx)
	}
	return transaction.Rollback(ctx)
}

func (s step) report(ctx context.Context, connection querier, name string) {
	expected := s.Rows
	if s.Error != nil {
		expected = s.Error
	}
	var got interface{}
	rows, err := s.call(ctx, connection)
	var refused *pgconn.PgError
	switch {
	case err == nil:
		got = rows
	case errors.As(err, &refused):
		got = object{"sqlstate": refused.Code, "token": strings.SplitN(refused.Detail, ":", 2)[0]}
	default:
		got = err.Error()
	}
	if reflect.DeepEqual(got, expected) {
		passed++
		fmt.Println("ok -", name)
	} else {
		failed++
		fmt.Printf("not ok - %s: got %v, expected %v\n", name, got, expected)
	}
}

func (s step) call(ctx context.Context, connection querier) ([]interface{}, error) {
	arguments := make([]interface{}, len(s.Parameters))
	for i, p := range s.Parameters {
		var err error
		if arguments[i], err = p.native(); err != nil {
			return nil, err
		}
	}
	result, err := connection.Query(ctx, s.SQL, arguments...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	rows := []interface{}{}
	for result.Next() {
		row, err := scan(result)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, result.Err()
}

// The value as Go has it.
func (p parameter) native() (interface{}, error) {
	if string(p.Value) == "null" {
		return nil, nil
	}
	var text string
	var texts []*string
	var err error
	switch p.Type {
	case "bool":
		return string(p.Value) == "true", nil
	case "jsonb":
		return p.Value, nil
	case "text[]", "int8[]":
		err = json.Unmarshal(p.Value, &texts)
	default:
		err = json.Unmarshal(p.Value, &text)
	}
	if err != nil {
		return nil, err
	}
	switch p.Type {
	case "text":
		return text, nil
	case "int8":
		return strconv.ParseInt(text, 10, 64)
	case "int4":
		number, err := strconv.ParseInt(text, 10, 32)
		return int32(number), err
	case "numeric":
		return decimal.NewFromString(text)
	case "text[]":
		return texts, nil
	case "int8[]":
		numbers := make([]int64, len(texts))
		for i, text := range texts {
			if numbers[i], err = strconv.ParseInt(*text, 10, 64); err != nil {
				return nil, err
			}
		}
		return numbers, nil
	}
	return nil, fmt.Errorf("unknown type %s", p.Type)
}

// A row as the scenario writes it.
func scan(result pgx.Rows) (object, error) {
	columns := result.FieldDescriptions()
	// A pointer to a pointer takes NULL.
	targets := make([]interface{}, len(columns))
	for i, column := range columns {
		switch column.DataTypeOID {
		case pgtype.Int8OID:
			targets[i] = new(*int64)
		case pgtype.Int4OID:
			targets[i] = new(*int32)
		case pgtype.BoolOID:
			targets[i] = new(*bool)
		case pgtype.NumericOID:
			targets[i] = new(*decimal.Decimal)
		case pgtype.JSONBOID:
			targets[i] = new([]byte)
		case pgtype.TextArrayOID:
			targets[i] = new([]string)
		case pgtype.Int8ArrayOID:
			targets[i] = new([]int64)
		default:
			targets[i] = new(*string)
		}
	}
	if err := result.Scan(targets...); err != nil {
		return nil, err
	}
	row := object{}
	for i, column := range columns {
		value, err := canonical(reflect.ValueOf(targets[i]).Elem())
		if err != nil {
			return nil, err
		}
		row[string(column.Name)] = value
	}
	return row, nil
}

func canonical(value reflect.Value) (interface{}, error) {
	if value.IsNil() {
		return nil, nil
	}
	if value.Kind() == reflect.Ptr {
		return fmt.Sprint(value.Elem()), nil
	}
	if text, ok := value.Interface().([]byte); ok {
		var parsed interface{}
		err := json.Unmarshal(text, &parsed)
		return parsed, err
	}
	elements := []interface{}{}
	for i := 0; i < value.Len(); i++ {
		elements = append(elements, fmt.Sprint(value.Index(i)))
	}
	return elements, nil
}
