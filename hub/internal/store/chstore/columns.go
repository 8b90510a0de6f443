package chstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kymohq/kymo/hub/internal/retry"
)

// addColumns adds to a server's tables the columns that those of an earlier version lack.
// Another hub may be adding them, too, and a replica may hear of them later than others.
func (c *cluster) addColumns(ctx context.Context, n *node) error {
	err := retry.Policy{Patience: makeTimeout}.Do(ctx, func() (again bool, pause time.Duration, err error) {
		statements, err := c.missingColumns(ctx, n)
		for _, sql := range statements {
			if err = n.conn.Exec(ctx, sql); err != nil {
				return true, 0, err
			}
		}
		return false, 0, err
	})
	if err != nil {
		return fmt.Errorf("add columns: %w", err)
	}
	return nil
}

// missingColumns returns the statements that add the columns that a server's tables lack.
func (c *cluster) missingColumns(ctx context.Context, n *node) (statements []string, err error) {
	there, err := c.presentColumns(ctx, n)
	if err != nil {
		return nil, err
	}
	for i := range tables {
		t := &tables[i]
		for _, name := range slices.Compact([]string{t.local(c.replicated), t.name}) {
			stores := name == t.local(c.replicated)
			for k := range t.columns {
				column := &t.columns[k]
				if there[name] != nil && !there[name][column.name] && column.kind != unusual {
					statements = append(statements, fmt.Sprintf("ALTER TABLE %s.%s ADD COLUMN %s %s",
						quoteName(c.database), name, column.column(), column.definition(c.features, stores)))
				}
			}
		}
	}
	return statements, nil
}

// presentColumns returns the columns that a server's tables have, by table.
func (c *cluster) presentColumns(ctx context.Context, n *node) (map[string]map[string]bool, error) {
	rows, err := n.conn.Query(ctx, "SELECT table, name FROM system.columns WHERE database = "+quote(c.database))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	there := make(map[string]map[string]bool)
	for rows.Next() {
		var table, name string
		if err := rows.Scan(&table, &name); err != nil {
			return nil, err
		}
		if there[table] == nil {
			there[table] = make(map[string]bool)
		}
		there[table][name] = true
	}
	return there, rows.Err()
}
