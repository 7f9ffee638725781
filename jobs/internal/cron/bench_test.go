package cron_test

import (
	"testing"
	"time"

	"github.com/gorhill/cronexpr"

	"github.com/carillon-go/carillon/jobs/internal/cron"
)

// The library alone, in UTC, is what the others are compared with.
func BenchmarkExpression_Next(b *testing.B) {
	from := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{"30 5 * * *", "30 5 * * 1-5", "*/15 * * * *", "0 0 29 2 *"} {
		b.Run(text+"/library", func(b *testing.B) {
			x := cronexpr.MustParse(text)
			b.ReportAllocs()
			for b.Loop() {
				x.Next(from)
			}
		})
		for _, zone := range []string{"UTC", "America/New_York", "Asia/Tokyo"} {
			b.Run(text+"/"+zone, func(b *testing.B) {
				x, z := mustParse(b, text), mustZone(b, zone)
				b.ReportAllocs()
				for b.Loop() {
					if _, ok := x.Next(from, z); !ok {
						b.Fatal("no fire")
					}
				}
			})
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cron.Parse("30 5 * * 1-5"); err != nil {
			b.Fatal(err)
		}
	}
}
