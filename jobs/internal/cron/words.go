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
	var words string
	minutes := &x.fields[minuteField]
	list := minutes.list()
	switch step := evenStep(list, 60); {
	case minutes.any:
		words = "every minute"
	case step == 1:
		words = "every minute"
	case step > 1 && len(list) > 1:
		words = fmt.Sprintf("every %d minutes", step)
	case len(list) == 1 && list[0] == 0:
		words = "every hour"
	default:
		words = "at " + counted("minute", list) + " of every hour"
	}
	hours := &x.fields[hour]
	if hours.any {
		return words
	}
	list = hours.list()
	if step := evenStep(list, 24); step > 1 && len(list) > 1 {
		return fmt.Sprintf("%s, in every %s hour from midnight", words, ordinal(step))
	}
	if len(list) == 24 {
		return words
	}
	if from, to, ok := span(list); ok && len(list) > 1 {
		return fmt.Sprintf("%s from %02d:00 to %02d:59", words, from, to)
	}
	return words + " in " + counted("hour", list)
}

// dayWords is empty if every day matches.
func (x *Expression) dayWords() string {
	byDay, byWeekday := x.monthDayWords(), x.weekdayWords()
	var words string
	switch {
	case byDay != "" && byWeekday != "":
		words = byDay + " or " + byWeekday
	case byDay != "":
		words = byDay
	default:
		words = byWeekday
	}
	if x.fields[month].any {
		return words
	}
	if words == "" {
		words = "every day"
	}
	var months []string
	for _, m := range x.fields[month].list() {
		months = append(months, title(specs[month].names[m-1]))
	}
	if len(months) == 12 {
		return words
	}
	return words + " in " + and(months)
}

func (x *Expression) monthDayWords() string {
	f := &x.fields[day]
	if f.any {
		return ""
	}
	var words []string
	if list := f.list(); len(list) == 31 {
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
	return and(words)
}

func (x *Expression) weekdayWords() string {
	f := &x.fields[weekday]
	if f.any {
		return ""
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
	return and(words)
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

// counted is "day 3", "days 1 and 15" or "days 1 to 7".
func counted(noun string, list []int) string {
	if len(list) == 1 {
		return fmt.Sprintf("%s %d", noun, list[0])
	}
	if from, to, ok := span(list); ok && len(list) > 2 {
		return fmt.Sprintf("%ss %d to %d", noun, from, to)
	}
	items := make([]string, len(list))
	for i, v := range list {
		items[i] = fmt.Sprint(v)
	}
	return noun + "s " + and(items)
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
