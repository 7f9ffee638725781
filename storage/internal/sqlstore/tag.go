package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

type tagRow struct {
	ID        jobs.TagID    `db:"id"`
	Tenant    jobs.TenantID `db:"tenant"`
	Name      string        `db:"name"`
	Color     string        `db:"color"`
	CreatedAt int64         `db:"created_at"`
	UpdatedAt int64         `db:"updated_at"`
}

func (r *tagRow) toTag() jobs.Tag {
	return jobs.Tag{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, Color: r.Color, CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
	}
}

const (
	tagColumns = `id, tenant, name, color, created_at, updated_at`

	// sqlGetTag: lookup by primary key.
	sqlGetTag = `
	SELECT ` + tagColumns + `
	FROM   tags
	WHERE  id = ? AND tenant = ?`
	// sqlGetTagByName: index tags_name.
	sqlGetTagByName = `
	SELECT id
	FROM   tags
	WHERE  tenant = ? AND name_fold = ? AND id <> ?`
	// sqlListTags: index tags_name, in its order.
	sqlListTags = `
	SELECT ` + tagColumns + `
	FROM   tags
	WHERE  tenant = ? AND name_fold LIKE ? ESCAPE '\'
	ORDER  BY name_fold`
	// sqlCountTags: index tags_name.
	sqlCountTags = `
	SELECT count(*)
	FROM   tags
	WHERE  tenant = ?`
	sqlInsertTag = `
	INSERT INTO tags (id, tenant, name, name_fold, color, created_at, updated_at)
	VALUES (?, ?, ?, ?, ?, ?, ?)`
	// sqlUpdateTag: lookup by primary key.
	sqlUpdateTag = `
	UPDATE tags
	SET    name = ?, name_fold = ?, color = ?, updated_at = ?
	WHERE  id = ? AND tenant = ?`
	// sqlTouchTagged: index job_tags_tag.
	sqlTouchTagged = `
	UPDATE jobs
	SET    updated_at = CASE WHEN updated_at < ?1 THEN ?1 ELSE updated_at + 1 END
	WHERE  id IN (SELECT job_id FROM job_tags WHERE tag_id = ?2)`
	// sqlDeleteTagged: index job_tags_tag.
	sqlDeleteTagged = `
	DELETE FROM job_tags
	WHERE  tag_id = ?`
	sqlDeleteTag = `
	DELETE FROM tags
	WHERE  id = ?`
)

// freeTagName refuses a name that another tag of the tenant has.
func (t *Tx) freeTagName(k jobs.Tag) error {
	var other jobs.TagID
	taken, err := t.get(&other, sqlGetTagByName, k.Tenant, strings.ToLower(k.Name), k.ID)
	if err == nil && taken {
		return &jobs.ConflictError{Reason: fmt.Sprintf("the tag %q exists", k.Name), Data: map[string]any{"tagId": string(other)}}
	}
	return err
}

// InsertTag is jobs.TagStore. Writes follow one another, so a name that was looked for and not found is still free.
func (c *Core) InsertTag(ctx context.Context, k jobs.Tag) error {
	return c.write(ctx, "insert tag", func(t *Tx) error {
		if err := t.freeTagName(k); err != nil {
			return err
		}
		var n int
		if _, err := t.get(&n, sqlCountTags, k.Tenant); err != nil {
			return err
		}
		if n >= jobs.MaxTagsPerTenant {
			return jobs.Conflict("the tenant has %d tags; the limit is %d", n, jobs.MaxTagsPerTenant)
		}
		_, err := t.exec(sqlInsertTag, k.ID, k.Tenant, k.Name, strings.ToLower(k.Name), k.Color, toMillis(k.CreatedAt), toMillis(k.UpdatedAt))
		return err
	})
}

// SaveTag is jobs.TagStore.
func (c *Core) SaveTag(ctx context.Context, k jobs.Tag, base time.Time) error {
	return c.write(ctx, "save tag", func(t *Tx) error {
		old, err := t.tag(k.Tenant, k.ID)
		if err != nil {
			return err
		}
		if old.UpdatedAt != toMillis(base) {
			return jobs.ErrPrecondition
		}
		if err := t.freeTagName(k); err != nil {
			return err
		}
		_, err = t.exec(sqlUpdateTag, k.Name, strings.ToLower(k.Name), k.Color, toMillis(k.UpdatedAt), k.ID, k.Tenant)
		return err
	})
}

// tag reads a tag of the tenant.
func (t *Tx) tag(tenant jobs.TenantID, id jobs.TagID) (*tagRow, error) {
	var row tagRow
	ok, err := t.get(&row, sqlGetTag, id, tenant)
	if err == nil && !ok {
		return nil, jobs.NotFound("tag")
	}
	return &row, err
}

// DeleteTag is jobs.TagStore.
func (c *Core) DeleteTag(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.TagID) error {
	return c.write(ctx, "delete tag", func(t *Tx) error {
		if _, err := t.tag(tenant, id); err != nil {
			return err
		}
		if _, err := t.exec(sqlTouchTagged, toMillis(now), id); err != nil {
			return err
		}
		if _, err := t.exec(sqlDeleteTagged, id); err != nil {
			return err
		}
		_, err := t.exec(sqlDeleteTag, id)
		return err
	})
}

// Tag is jobs.TagStore.
func (c *Core) Tag(ctx context.Context, tenant jobs.TenantID, id jobs.TagID) (jobs.Tag, error) {
	var row tagRow
	err := c.read(ctx, "read tag", func(v *View) error {
		ok, err := v.get(&row, sqlGetTag, id, tenant)
		if err == nil && !ok {
			return jobs.NotFound("tag")
		}
		return err
	})
	if err != nil {
		return jobs.Tag{}, err
	}
	return row.toTag(), nil
}

// Tags is jobs.TagStore.
func (c *Core) Tags(ctx context.Context, tenant jobs.TenantID, name string) ([]jobs.Tag, error) {
	var rows []tagRow
	err := c.read(ctx, "list tags", func(v *View) error { return v.all(&rows, sqlListTags, tenant, likePattern(strings.ToLower(name))) })
	tags := make([]jobs.Tag, len(rows))
	for i := range rows {
		tags[i] = rows[i].toTag()
	}
	return tags, err
}
