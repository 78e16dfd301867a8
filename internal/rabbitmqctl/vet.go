package rabbitmqctl

import (
	"bufio"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// preset gives an argument a value unless it has one.
func preset(name, value string) func(*run) error {
	return func(r *run) error {
		if !r.values.Has(name) {
			r.values.Set(name, value)
		}
		return nil
	}
}

// headless: RabbitMQ has no header there.
func headless(r *run) error {
	r.switches.Set("no-table-headers", "")
	return nil
}

// askPassword reads the password of a user if it was not given.
func askPassword(r *run) error {
	if r.values.Has("password") {
		return nil
	}
	fmt.Fprintln(r.Out, "Password: ")
	line, err := bufio.NewReader(r.In).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" && err != nil {
		return &refusal{exitData, "Password is not provided via argument or stdin"}
	}
	r.values.Set("password", line)
	return nil
}

func sayExchange(r *run) error {
	if r.values.Has("exchange") {
		r.values.Set("on", fmt.Sprintf(" on %q", r.values.Get("exchange")))
	}
	return nil
}

func sayLimit(r *run) error {
	which := "all limits"
	if limit := r.values.Get("limit"); limit != "all" {
		which = fmt.Sprintf("%q limit", limit)
	}
	r.values.Set("which", which)
	return nil
}

// sayUserLimits: without a user, it is guest.
func sayUserLimits(r *run) error {
	user := or(r.values.Get("user"), "guest")
	r.values.Set("user", user)
	return r.sayLimits("users", fmt.Sprintf("user %q", user))
}

func sayVhostLimits(r *run) error {
	return r.sayLimits("vhosts", fmt.Sprintf("vhost %q", r.values.Get("vhost")))
}

// sayLimits: of one thing only the limits are shown, without a header.
func (r *run) sayLimits(all, one string) error {
	if r.values.Has("global") {
		r.values.Set("listing", "Listing limits for all "+all+" ...")
		return nil
	}
	r.values.Set("listing", "Listing limits for "+one+" ...")
	r.columns = []string{"limits"}
	r.switches.Set("no-table-headers", "")
	return nil
}

func sayConditions(r *run) error {
	var all []string
	if r.values.Has("if-empty") {
		all = append(all, "if queue is empty")
	}
	if r.values.Has("if-unused") {
		all = append(all, "if queue is unused")
	}
	if len(all) > 0 {
		r.values.Set("conditions", " "+strings.Join(all, " and "))
	}
	return nil
}

// memoryAmount is a part of the memory, or absolute and a size.
func memoryAmount(r *run) error {
	amount, size := r.values.Get("amount"), r.values.Get("size")
	if amount == "absolute" {
		if size == "" {
			return wrong("not enough arguments.")
		}
		r.values.Set("shown", size+" bytes")
		r.values.Set("amount", size)
		return isSize(size)
	}
	part, err := strconv.ParseFloat(amount, 64)
	switch {
	case err != nil || size != "":
		return &usageError{"Bad argument.", exitData}
	case part < 0 || part > 1:
		return &usageError{"Bad argument: The threshold should be a fraction between 0.0 and 1.0", exitData}
	}
	r.values.Set("shown", amount)
	if !strings.Contains(amount, ".") {
		r.values.Set("amount", amount+".0")
	}
	return nil
}

// diskAmount is a size, or mem_relative and a multiple of the memory.
func diskAmount(r *run) error {
	amount, part := r.values.Get("amount"), r.values.Get("size")
	r.values.Set("shown", amount)
	if amount != "mem_relative" {
		r.values.Set("shown", amount+" bytes")
		return isSize(amount)
	}
	if _, err := strconv.ParseFloat(part, 64); err != nil {
		return &usageError{"Bad argument.", exitData}
	}
	if !strings.Contains(part, ".") {
		part += ".0"
	}
	r.values.Set("amount", part)
	r.values.Set("shown", part+" times the total RAM")
	return nil
}

var size = regexp.MustCompile(`^\d+([kKmMgGtTpP][iI]?[bB]?)?$`)

func isSize(text string) error {
	if !size.MatchString(text) {
		return &usageError{"Bad argument.", exitData}
	}
	return nil
}

// logLevels are those that set_log_level takes.
var logLevels = []string{"debug", "info", "warning", "error", "critical", "none"}

func knownLevel(r *run) error {
	if level := r.values.Get("level"); !slices.Contains(logLevels, level) {
		return &refusal{exitUnavailable, fmt.Sprintf("level %s is not supported. Try one of %s", level, strings.Join(logLevels, ", "))}
	}
	return nil
}

func noRotation(*run) error {
	return &refusal{exitUnavailable, "This command does not rotate logs anymore [deprecated]"}
}

func needPid(r *run) error {
	if !r.values.Has("pidfile") && !r.values.Has("pid") {
		return wrong(`"No pid or pidfile specified"`)
	}
	return nil
}

func positivePort(r *run) error {
	if n, err := strconv.Atoi(r.values.Get("port")); err != nil || n <= 0 {
		return &usageError{"Bad argument: Argument must be a positive integer", exitData}
	}
	return nil
}

// units of check_certificate_expiration, with days of each.
var units = map[string]int{"days": 1, "weeks": 7, "months": 30, "years": 365}

func period(r *run) error {
	within, unit := or(r.values.Get("within"), "4"), or(r.values.Get("unit"), "weeks")
	n, err := strconv.Atoi(within)
	switch {
	case units[unit] == 0:
		return wrong("\"unit '%s' is not supported. Please use one of: days, weeks, months, years\"", unit)
	case err != nil || n <= 0:
		return wrong("period should be a positive number")
	}
	r.values.Set("days", strconv.Itoa(n*units[unit]))
	if n == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	r.values.Set("period", within+" "+unit)
	return nil
}

func anyPlugin(r *run) error {
	if len(r.values["plugin"]) == 0 && !r.values.Has("all") {
		return wrong("not enough arguments.")
	}
	r.values.Set("names", strings.Join(r.values["plugin"], "\n"))
	return nil
}

// oneDetail: a list has more in it, or less.
func oneDetail(r *run) error {
	if r.values.Has("verbose") && r.values.Has("minimal") {
		return &usageError{"Bad argument: Cannot set both verbose and minimal", exitData}
	}
	return nil
}

func sayPlugins(r *run) error {
	r.values.Set("which", "p"+are(r.values["plugin"])[1:])
	return nil
}

func sayFlag(r *run) error {
	r.values.Set("which", fmt.Sprintf("feature flag %q", r.values.Get("flag")))
	if r.values.Get("flag") == "all" {
		r.values.Set("which", "all feature flags")
	}
	return nil
}

// checkFlag knows the feature flags by name.
func checkFlag(r *run) error {
	flag := r.values.Get("flag")
	if flag == "all" || slices.Contains(featureNames, flag) {
		return nil
	}
	return &refusal{exitUsage, "This feature flag is not supported by node " + r.node}
}
