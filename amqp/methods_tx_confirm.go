package amqp

// ConfirmSelect is confirm.select (85,10), client to server, answered by ConfirmSelectOk.
type ConfirmSelect struct {
	NoWait bool
}

// ConfirmSelectOk is confirm.select-ok (85,11), server to client.
type ConfirmSelectOk struct{}

// TxSelect is tx.select (90,10), client to server, answered by TxSelectOk.
type TxSelect struct{}

// TxSelectOk is tx.select-ok (90,11), server to client.
type TxSelectOk struct{}

// TxCommit is tx.commit (90,20), client to server, answered by TxCommitOk.
type TxCommit struct{}

// TxCommitOk is tx.commit-ok (90,21), server to client.
type TxCommitOk struct{}

// TxRollback is tx.rollback (90,30), client to server, answered by TxRollbackOk.
type TxRollback struct{}

// TxRollbackOk is tx.rollback-ok (90,31), server to client.
type TxRollbackOk struct{}
