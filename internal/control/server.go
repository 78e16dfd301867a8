package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Error is why a command was refused.
type Error struct {
	Kind string `json:"kind"` // see the constants
	Text string `json:"text"`
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Progress is how far a long command has come; Total is 0 if nobody knows.
type Progress struct {
	Done  int `json:"done"`
	Total int `json:"total,omitempty"`
}

// line is one line of an answer. One field is set.
type line struct {
	Progress *Progress       `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

// Server answers commands.
type Server struct {
	node *Node
	path string
	http http.Server
	done chan struct{} // closed when it has ended
}

// Listen begins to answer commands for a broker on the socket at a path. The
// error is ErrInUse if another one does.
func Listen(path string, n *Node) (*Server, error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	s := &Server{node: n, path: path, done: make(chan struct{})}
	s.http.Handler = s
	go func() { // until Close, which waits for it
		defer close(s.done)
		_ = s.http.Serve(l)
	}()
	return s, nil
}

// lastAnswers is how long commands may take when the broker ends.
const lastAnswers = time.Second

// Close ends it, and removes the socket.
func (s *Server) Close() error {
	removed := os.Remove(s.path)
	limit, cancel := context.WithTimeout(context.Background(), lastAnswers)
	defer cancel()
	if s.http.Shutdown(limit) != nil {
		s.http.Close()
	}
	<-s.done
	return removed
}

// request is one command that is carried out.
type request struct {
	context.Context
	*Node
	*App      // nil: clients may not connect
	arguments url.Values
	out       *json.Encoder
	flush     func()
}

// maxArguments bounds what a command brings: definitions, three bytes of which
// stand for most that are no letters.
const maxArguments = 1 << 30

// find is the operation of a name, nil if there is none.
func find(name string, app *App) operation {
	if op := nodeOperations[name]; op != nil {
		return op
	}
	if op := operations[name]; op == nil || app != nil {
		return op
	}
	return func(*request) (any, error) { return nil, stopped() }
}

// ServeHTTP carries out one command.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	app := s.node.running()
	op := find(r.URL.Path[1:], app)
	switch {
	case op == nil:
		http.Error(w, "unknown command", http.StatusNotFound)
		return
	case r.Method != http.MethodPost:
		http.Error(w, "POST it", http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxArguments) // or else it is 10 MB
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	q := &request{r.Context(), s.node, app, r.PostForm, json.NewEncoder(w), w.(http.Flusher).Flush}
	q.out.SetEscapeHTML(false)
	var last line
	if result, err := op(q); err != nil {
		last.Error = describe(err)
	} else if last.Result, err = json.Marshal(result); err != nil {
		last.Error = describe(err)
	}
	_ = q.out.Encode(last) // or else the client has gone
}

// tell tells the client how far a command has come.
func (q *request) tell(done, total int) {
	if q.out.Encode(line{Progress: &Progress{done, total}}) == nil {
		q.flush()
	}
}

// get is an argument, empty if it was not given.
func (q *request) get(name string) string { return q.arguments.Get(name) }
