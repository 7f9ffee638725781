package cron

import (
	"fmt"
	"strings"
)

// Words is the expression in English: "every weekday at 05:30". What has no short form is listed value by value.
func (x *Expression) Words() string {
	days := x.dayWords()
	if times, ok := x.timeWords(); ok {
		if days == "" {
			days = "every day"
		}
		return days + " at " + times
	}
	words := x.minuteWords()
	if days != "" {
		words += ", " + days
	}
	return words
}

// timeWords lists the times of day if they are few.
func (x *Expression) timeWords() (string, bool) {
	hours, minutes := x.fields[hour].list(), x.fields[minuteField].list()
	if x.fields[hour].any || len(hours)*len(minutes) > 6 {
		return "", false
	}
	var times []string
	for _, h := range hours {
		for _, m := range minutes {
			times = append(times, fmt.Sprintf("%02d:%02d", h, m))
		}
	}
	return and(times), true
}

func (x *Expression) minuteWords() string {
	minutes, hours := x.fields[minuteField].list(), x.fields[hour].list()
	all := len(hours) == 24
	if len(minutes) == 1 {
		if words, ok := everyHours(hours, minutes[0]); ok && !all {
			return words
		}
	}
	words := minutesWords(minutes)
	if all {
		return words
	}
	if step := evenStep(hours, 24); step > 1 && len(hours) > 1 {
		return fmt.Sprintf("%s, in every %s hour from midnight", words, ordinal(step))
	}
	if from, to, ok := span(hours); ok && len(hours) > 1 {
		return fmt.Sprintf("%s from %02d:00 to %02d:59", words, from, to)
	}
	return words + " in " + counted("hour", hours)
}

// minutesWords is what happens within an hour.
func minutesWords(minutes []int) string {
	if len(minutes) == 1 && minutes[0] == 0 {
		return "every hour"
	}
	if step := evenStep(minutes, 60); step == 1 {
		return "every minute"
	} else if step > 1 && len(minutes) > 1 {
		return fmt.Sprintf("every %d minutes", step)
	}
	if step, ok := progression(minutes, 59); ok {
		return fmt.Sprintf("every %d minutes from minute %d of every hour", step, minutes[0])
	}
	return "at " + counted("minute", minutes) + " of every hour"
}

// everyHours is "every 3 hours from 01:05 to 13:05" for hours of equal distance; the end is left out where the day ends.
func everyHours(hours []int, minute int) (string, bool) {
	if len(hours) < 3 {
		return "", false
	}
	step := hours[1] - hours[0]
	for i, h := range hours {
		if h != hours[0]+i*step {
			return "", false
		}
	}
	words := "every hour"
	if step > 1 {
		words = fmt.Sprintf("every %d hours", step)
	}
	if evenStep(hours, 24) > 0 && minute == 0 {
		return words, true
	}
	last := hours[len(hours)-1]
	words += fmt.Sprintf(" from %02d:%02d", hours[0], minute)
	if evenStep(hours, 24) == 0 {
		words += fmt.Sprintf(" to %02d:%02d", last, minute)
	}
	return words, true
}

// dayWords is empty if every day matches.
func (x *Expression) dayWords() string {
	byDay, byWeekday := x.monthDayWords(), x.weekdayWords()
	if x.fields[month].any || len(x.fields[month].list()) == 12 {
		return or(and(byDay), and(byWeekday))
	}
	var names []string
	for _, piece := range pieces(x.fields[month].list()) {
		name := title(specs[month].names[piece.from-1])
		if piece.to > piece.from {
			name += " to " + title(specs[month].names[piece.to-1])
		}
		names = append(names, name)
	}
	if len(byDay) == 0 && len(byWeekday) == 0 {
		return "every day in " + and(names)
	}
	for _, phrases := range [][]string{byDay, byWeekday} {
		for i, phrase := range phrases {
			if whole, ok := strings.CutSuffix(phrase, "of the month"); ok {
				phrases[i] = whole + "of " + and(names)
				continue
			}
			phrases[i] = phrase + " in " + and(names)
		}
	}
	return or(and(byDay), and(byWeekday))
}

func or(a, b string) string {
	if a != "" && b != "" {
		return a + " or " + b
	}
	return a + b
}

func (x *Expression) monthDayWords() []string {
	f := &x.fields[day]
	if f.any {
		return nil
	}
	var words []string
	list := f.list()
	if step, ok := progression(list, 31); ok {
		words = append(words, fmt.Sprintf("every %d days from day %d of the month", step, list[0]))
	} else if len(list) == 31 {
		words = append(words, "every day")
	} else if len(list) > 0 {
		words = append(words, "on "+counted("day", list)+" of the month")
	}
	for _, s := range f.specials {
		switch s.kind {
		case "L":
			words = append(words, "on the last day of the month")
		case "LW":
			words = append(words, "on the last weekday of the month")
		case "W":
			words = append(words, fmt.Sprintf("on the weekday nearest to day %d of the month", s.n))
		}
	}
	return words
}

func (x *Expression) weekdayWords() []string {
	f := &x.fields[weekday]
	if f.any {
		return nil
	}
	var words []string
	switch f.values {
	case 0:
	case 0b1111111:
		words = append(words, "every day")
	case 0b0111110:
		words = append(words, "every weekday")
	case 0b1000001:
		words = append(words, "every Saturday and Sunday")
	default:
		var names []string
		for _, d := range []int{1, 2, 3, 4, 5, 6, 0} {
			if f.has(d) {
				names = append(names, title(specs[weekday].names[d]))
			}
		}
		words = append(words, "every "+and(names))
	}
	for _, s := range f.specials {
		name := title(specs[weekday].names[s.n])
		if s.kind == "nL" {
			words = append(words, "on the last "+name+" of the month")
			continue
		}
		words = append(words, "on the "+ordinal(s.k)+" "+name+" of the month")
	}
	return words
}

// progression is the step, at least 2, of a list of at least four values that goes on to the end of its field.
func progression(list []int, last int) (step int, ok bool) {
	if len(list) < 4 {
		return 0, false
	}
	step = list[1] - list[0]
	for i, v := range list {
		if v != list[0]+i*step {
			return 0, false
		}
	}
	return step, step > 1 && list[len(list)-1]+step > last
}

// evenStep is the step of a list that is exactly 0, step, 2*step, ... up to a full turn; else 0.
func evenStep(list []int, turn int) int {
	if len(list) == 0 || list[0] != 0 || turn%len(list) != 0 {
		return 0
	}
	step := turn / len(list)
	for i, v := range list {
		if v != i*step {
			return 0
		}
	}
	return step
}

// span gives the ends of a list without holes.
func span(list []int) (from, to int, ok bool) {
	from, to = list[0], list[len(list)-1]
	return from, to, to-from == len(list)-1
}

// counted is "day 3", "days 1 and 15" or "days 1 to 7 and 15".
func counted(noun string, list []int) string {
	if len(list) == 1 {
		return fmt.Sprintf("%s %d", noun, list[0])
	}
	var items []string
	for _, p := range pieces(list) {
		item := fmt.Sprint(p.from)
		if p.to > p.from {
			item = fmt.Sprintf("%d to %d", p.from, p.to)
		}
		items = append(items, item)
	}
	return noun + "s " + and(items)
}

// stretch is a part of a list without holes.
type stretch struct{ from, to int }

// pieces cuts a list into parts of at least three neighbours and single values.
func pieces(list []int) []stretch {
	var out []stretch
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n] == list[i]+n {
			n++
		}
		if n < 3 {
			n = 1
		}
		out = append(out, stretch{list[i], list[i+n-1]})
		i += n
	}
	return out
}

// and joins: "a, b and c".
func and(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

func ordinal(n int) string {
	names := []string{"", "first", "second", "third", "fourth", "fifth", "sixth", "", "eighth"}
	if n < len(names) && names[n] != "" {
		return names[n]
	}
	return fmt.Sprintf("%dth", n)
}

func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
