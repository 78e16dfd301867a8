package broker

// fifo is values in the order in which they came. It keeps them in pieces, so
// that a long one gives back memory as it is worked off.
type fifo[T any] struct {
	pieces [][]T // all but the last are full
	from   int   // pieces[0][:from] was taken
}

// pieceLen is the length of a piece.
const pieceLen = 256

func (f *fifo[T]) len() int {
	last := len(f.pieces) - 1
	if last < 0 {
		return 0
	}
	return last*pieceLen + len(f.pieces[last]) - f.from
}

func (f *fifo[T]) push(v T) {
	last := len(f.pieces) - 1
	if last < 0 || len(f.pieces[last]) == pieceLen {
		f.pieces = append(f.pieces, nil)
		last++
	}
	f.pieces[last] = append(f.pieces[last], v)
}

// at is the i-th of those that are there.
func (f *fifo[T]) at(i int) *T {
	i += f.from
	return &f.pieces[i/pieceLen][i%pieceLen]
}

// pop removes the first one. There must be one.
func (f *fifo[T]) pop() (v T) {
	piece := f.pieces[0]
	v, piece[f.from] = piece[f.from], v
	if f.from++; f.from == len(piece) {
		f.from = 0
		if f.pieces[0] = nil; len(f.pieces) > 1 {
			f.pieces = f.pieces[1:]
		} else {
			f.pieces[0] = piece[:0]
		}
	}
	return v
}
